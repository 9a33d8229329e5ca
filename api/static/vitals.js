// The figures at the top, updated once a second. A missing figure is shown as absent, not as 0.

import { clock, percent, shape, short, whole } from "./format.js";

const HISTORY = 180;
const WINDOWS = 60;
const HEIGHT = 32;
const TOP = 3; // room for the stroke above the highest point
const ABSENT = "–";
const $ = (id) => document.getElementById(id);

let points = [];

export async function update() {
  const answer = await fetch(`/console/vitals?after=${points.at(-1)?.number ?? 0}`);
  if (answer.status === 401) location.reload(); // the session has expired: reload to show the login
  if (!answer.ok) throw new Error(answer.statusText);
  const { points: added, windows, precision, problem } = await answer.json();
  const restarted = added.length && points.length && added[0].number <= points.at(-1).number;
  if (restarted) points = []; // the server has restarted and numbers from 1 again
  points = [...points, ...added].slice(-HISTORY);
  showPoints(points.at(-1));
  showDrift(windows);
  showPrecision(precision);
  return problem;
}

function showPoints(last) {
  const answered = last?.workers > 0;
  show("rate", last?.rate, whole, answered);
  show("alert-rate", scaled(last?.alert_rate, 1000), short, answered);
  show("latency", last?.p99_ms, short, answered);
  $("median").textContent = last?.p50_ms == null ? "" : `, ${short(last.p50_ms)} median`;
  plot("rate", points.map((point) => point.rate), HISTORY, whole);
  plot("alert-rate", points.map((point) => scaled(point.alert_rate, 1000)), HISTORY, short);
  plot("latency", points.map((point) => point.p99_ms), HISTORY, short);
}

const scaled = (value, by) => (value == null ? null : by * value);

function show(id, value, format, answered) {
  $(id).textContent = value == null ? ABSENT : format(value);
  $(`${id}-note`).textContent = answered ? "last 3 minutes" : "no scorer answers";
}

// Plots `values` aligned to the right of the view box, which is `across` wide.
function plot(id, values, across, format) {
  const known = values.filter((number) => number != null);
  const peak = Math.max(0, ...known);
  $(`${id}-peak`).textContent = known.length ? `peak ${format(peak)}` : "";
  const x = (index) => across - values.length + index;
  const y = (number) => HEIGHT - (peak ? (number / peak) * (HEIGHT - TOP) : 0);
  const runs = [[]]; // one line for each run without a gap
  values.forEach((number, index) => (number == null ? runs.push([]) : runs.at(-1).push([x(index), y(number)])));
  const paths = runs.filter((run) => run.length > 1).flatMap((run) => {
    const line = `M${run.map(([left, top]) => `${left} ${top.toFixed(2)}`).join("L")}`;
    return [
      shape("path", { class: "area", d: `${line}L${run.at(-1)[0]} ${HEIGHT}L${run[0][0]} ${HEIGHT}Z` }),
      shape("path", { class: "line", d: line }),
    ];
  });
  $(`${id}-plot`).replaceChildren(...paths);
}

function showDrift(windows) {
  const last = windows.at(-1);
  $("drift").textContent = last ? { true: "drift", false: "none", null: "no verdict" }[last.detected] : ABSENT;
  $("drift").dataset.state = last?.detected ?? "absent";
  $("drift-score").textContent = last?.score == null ? "" : `score ${last.score.toFixed(3)}`;
  $("drift-note").textContent = last ? `window ${last.window}, ${clock(last.closed_at)}` : "no window closed yet";
  plot("drift", windows.map((window) => window.score), WINDOWS, (score) => score.toFixed(3));
}

function showPrecision({ judged, value, low, high }) {
  $("precision").textContent = value === null ? ABSENT : percent(value, 0);
  $("precision-interval").textContent = value === null ? "" : `95%: ${percent(low, 0)} to ${percent(high, 0)}`;
  $("precision-note").textContent = judged ? `of ${judged} judged alert${judged > 1 ? "s" : ""}` : "no judged alert yet";
}

// The figures at the top, once a second. What nobody tells is shown as absent, never as 0.

import { clock, percent, shape, short, whole } from "./format.js";

const HISTORY = 180;
const HEIGHT = 32;
const TOP = 3; // room for the stroke above the highest point
const ABSENT = "–";
const $ = (id) => document.getElementById(id);

let points = [];

export async function update() {
  const answer = await fetch(`/console/vitals?after=${points.at(-1)?.number ?? 0}`);
  if (answer.status === 401) location.reload(); // the session has expired: the server shows its login
  if (!answer.ok) throw new Error(answer.statusText);
  const { points: news, drift, precision, problem } = await answer.json();
  if (news.length && points.length && news[0].number <= points.at(-1).number) points = []; // the server has started again
  points = [...points, ...news].slice(-HISTORY);
  showPoints(points.at(-1));
  showDrift(drift);
  showPrecision(precision);
  return problem;
}

function showPoints(last) {
  const told = last?.workers > 0;
  show("rate", last?.rate, whole, told);
  show("alert-rate", scaled(last?.alert_rate, 1000), short, told);
  show("latency", last?.p99_ms, short, told);
  $("median").textContent = last?.p50_ms == null ? "" : `, ${short(last.p50_ms)} median`;
  plot("rate", (point) => point.rate, whole);
  plot("alert-rate", (point) => scaled(point.alert_rate, 1000), short);
  plot("latency", (point) => point.p99_ms, short);
}

const scaled = (value, by) => (value == null ? null : by * value);

function show(id, value, format, told) {
  $(id).textContent = value == null ? ABSENT : format(value);
  $(`${id}-note`).textContent = told ? "last 3 minutes" : "no scorer answers";
}

function plot(id, value, format) {
  const values = points.map(value);
  const known = values.filter((number) => number != null);
  const peak = Math.max(0, ...known);
  $(`${id}-peak`).textContent = known.length ? `peak ${format(peak)}` : "";
  const x = (index) => HISTORY - values.length + index;
  const y = (number) => HEIGHT - (peak ? (number / peak) * (HEIGHT - TOP) : 0);
  const runs = [[]]; // a line for each stretch without a gap
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

function showDrift(drift) {
  $("drift").textContent = drift === null ? ABSENT : { true: "drift", false: "none", null: "no verdict" }[drift.detected];
  $("drift").dataset.state = drift?.detected ?? "absent";
  $("drift-score").textContent = drift?.score == null ? "" : `score ${drift.score.toFixed(3)}`;
  $("drift-note").textContent = drift === null ? "no window closed yet" : `window ${drift.window}, closed ${clock(drift.closed_at)}`;
}

function showPrecision({ judged, value, low, high }) {
  $("precision").textContent = value === null ? ABSENT : percent(value, 0);
  $("precision-interval").textContent = value === null ? "" : `95 %: ${percent(low, 0)} to ${percent(high, 0)}`;
  $("precision-note").textContent = judged ? `of ${judged} judged alert${judged > 1 ? "s" : ""}` : "no judged alert yet";
}

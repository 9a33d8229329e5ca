// The queue: alerts by expected loss, with a tab for open and a tab for labelled alerts.

import { clock, element, masked, money, percent } from "./format.js";
import * as patterns from "./patterns.js";

export const KEPT = 2000; // the same number and the same rule as in api/alert_store.py
const SHOWN = 200; // rows; nobody scrolls further
const $ = (id) => document.getElementById(id);

const alerts = new Map(); // position -> alert, in order of arrival
const headings = new Map(); // id -> heading of a group
const rows = new Map(); // position -> row; reused, so that a redraw doesn't swallow a click
let state = "open";
let grouped = false;
let selected = null;
let planned = false;
let onOpen = () => {};

export const listen = (open) => (onOpen = open);
export const get = (position) => alerts.get(position);
export const current = () => selected;

export function put(alert) {
  alerts.set(alert.position, alert);
  rows.delete(alert.position);
  if (alerts.size > KEPT) forget([...alerts.values()].slice(0, -KEPT / 2).reduce((least, other) => (worth(other) < worth(least) ? other : least)));
  plan();
}

const worth = (alert) => (judged(alert) ? -Infinity : alert.expected_loss);

function forget({ position }) {
  alerts.delete(position);
  rows.delete(position);
}

export function clear() {
  alerts.clear();
  rows.clear();
  plan();
}

export function choose(wanted) {
  state = wanted;
  for (const tab of ["open", "judged"]) {
    $(`tab-${tab}`).setAttribute("aria-selected", tab === state);
    $(`tab-${tab}`).tabIndex = tab === state ? 0 : -1;
  }
  $("panel").setAttribute("aria-labelledby", `tab-${state}`);
  select(listed()[0]?.position ?? null);
}

export function group(wanted) {
  grouped = wanted;
  draw();
}

export function select(position) {
  selected = position;
  draw();
  rows.get(position)?.scrollIntoView({ block: "nearest" });
}

// Selects the alert `by` rows below the selected one, or above it if `by` is negative.
export function move(by) {
  const order = listed();
  const index = order.findIndex((alert) => alert.position === selected);
  const next = order[Math.min(Math.max(index + by, 0), order.length - 1)];
  if (next) select(next.position);
}

// Returns the alert to open after a label: the next one, or the previous one after the last.
export function neighbour(position) {
  const order = listed();
  const index = order.findIndex((alert) => alert.position === position);
  return (order[index + 1] ?? order[index - 1])?.position ?? null;
}

export const showing = () => state;
const judged = (alert) => alert.label !== null;

function listed() {
  const wanted = [...alerts.values()].filter((alert) => judged(alert) === (state === "judged"));
  const sorted = wanted.sort((one, other) => other.expected_loss - one.expected_loss).slice(0, SHOWN);
  return grouped ? [...groups(sorted).values()].flat() : sorted;
}

// Returns the alerts by pattern, the pattern with the largest expected loss first.
function groups(sorted) {
  const found = new Map();
  for (const alert of sorted) {
    const pattern = patterns.key(alert);
    found.set(pattern, [...(found.get(pattern) ?? []), alert]);
  }
  return found;
}

function nodes(order) {
  if (!grouped) return order.map(row);
  return [...groups(order)].flatMap(([pattern, members]) => [heading(pattern, members.length), ...members.map(row)]);
}

function heading(pattern, count) {
  const id = `pattern-${pattern}`;
  if (!headings.has(id)) headings.set(id, element("li", { id, role: "presentation", class: "group" }));
  headings.get(id).textContent = `${count} with ${patterns.describe(pattern)}`;
  return headings.get(id);
}

function plan() {
  if (planned) return;
  planned = true;
  requestAnimationFrame(() => {
    planned = false;
    draw();
  });
}

function draw() {
  const order = listed();
  const number = [...alerts.values()].filter(judged).length;
  const counts = { open: alerts.size - number, judged: number };
  for (const tab of ["open", "judged"]) $(`count-${tab}`).textContent = counts[tab];
  $("empty").hidden = order.length > 0;
  $("empty").textContent = state === "open" ? "No open alert. New ones appear here by themselves." : "Nothing is judged yet.";
  const hidden = counts[state] - order.length;
  const notes = [hidden > 0 && `${hidden} more with a smaller expected loss.`, alerts.size >= KEPT && "Older ones may be on the topic alerts only."];
  $("more").textContent = notes.filter(Boolean).join(" ");
  const wanted = nodes(order);
  const list = $("alerts");
  if (wanted.length !== list.children.length || wanted.some((node, index) => node !== list.children[index])) list.replaceChildren(...wanted);
  for (const node of order.map(row)) node.setAttribute("aria-selected", node.id === `alert-${selected}`);
  if (rows.get(selected)?.isConnected) list.setAttribute("aria-activedescendant", `alert-${selected}`);
  else list.removeAttribute("aria-activedescendant");
}

function row(alert) {
  if (!rows.has(alert.position)) rows.set(alert.position, makeRow(alert));
  return rows.get(alert.position);
}

function makeRow(alert) {
  const option = element(
    "li",
    { id: `alert-${alert.position}`, role: "option", class: "row" },
    element("span", { class: "id" }, masked(alert.transaction_id)),
    element("span", { class: "loss" }, money(alert.expected_loss)),
    element("span", { class: "facts" }, badge(alert), ` ${percent(alert.probability)} · ${clock(alert.scored_at)}`),
    element("span", { class: "amount" }, money(alert.amount)),
  );
  option.addEventListener("click", () => onOpen(alert.position));
  return option;
}

// Shows the label, or the model's decision if there is none.
export function badge({ label, decision }) {
  if (label === null) return element("span", { class: "badge", "data-kind": decision }, decision);
  return element("span", { class: "badge", "data-kind": label.is_fraud ? "fraud" : "legitimate" }, label.is_fraud ? "fraud" : "legitimate");
}

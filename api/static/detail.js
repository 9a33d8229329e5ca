// The detail pane: the alert's figures, its reasons and the two buttons.

import { element, featureName, masked, moment, money, percent, shape, short, signed } from "./format.js";
import * as patterns from "./patterns.js";
import { badge } from "./queue.js";

const LEGEND = [
  ["band", "typical range: 98% of legitimate payments"],
  ["dot", "this payment"],
  ["push", "contribution towards fraud"],
];
const MARGIN = 0.06; // share of the width left free on both sides of the marks

export function render(alert, judge, close) {
  const back = element("button", { class: "back", type: "button" }, "‹ Queue");
  back.addEventListener("click", close);
  const title = element("h2", { class: "title" }, masked(alert.transaction_id));
  return [
    back,
    element("div", { class: "heading" }, title, badge(alert)),
    figures(alert),
    actions(alert, judge),
    reasons(alert),
    transaction(alert),
  ];
}

function figures(alert) {
  const { review, block } = alert.thresholds;
  return pairs("figures", {
    "Expected loss": money(alert.expected_loss),
    Amount: money(alert.amount),
    "Probability of fraud": percent(alert.probability, 2),
    "Review / block from": `${percent(review)} / ${percent(block)}`,
  });
}

function pairs(kind, values) {
  const terms = Object.entries(values).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  return element("dl", { class: kind }, ...terms);
}

function actions(alert, judge) {
  const button = (text, key, fraud) => {
    const node = element("button", { type: "button", class: fraud ? "fraud" : "legitimate", "aria-keyshortcuts": key }, text, " ", element("kbd", {}, key));
    node.setAttribute("aria-pressed", alert.label?.is_fraud === fraud);
    node.addEventListener("click", () => judge(fraud));
    return node;
  };
  const status = element("p", { class: "verdict" }, alert.label ? describeLabel(alert.label) : "Not judged yet.");
  return element("div", { class: "actions" }, button("Fraud", "f", true), button("Legitimate", "l", false), status);
}

function describeLabel(label) {
  const who = label.labelled_by ?? label.source;
  return `Judged ${label.is_fraud ? "fraud" : "legitimate"} by ${who}, ${moment(label.labelled_at)}. It can be changed; the last judgement counts.`;
}

function reasons(alert) {
  const most = Math.max(...alert.reasons.map(({ contribution }) => Math.abs(contribution)));
  const pushed = alert.reasons.reduce((sum, { contribution }) => sum + contribution, 0);
  const sum = `Start ${signed(alert.base)}, these reasons ${signed(pushed)}, all other features ${signed(alert.rest)}: margin ${signed(alert.margin)}, which is a probability of ${percent(alert.probability, 2)}.`;
  return element(
    "section",
    { class: "reasons" },
    element("h3", {}, "Why"),
    element("p", { class: "legend" }, ...LEGEND.map(([key, text]) => element("span", {}, element("i", { class: `key ${key}` }), text))),
    element("ol", {}, ...alert.reasons.map((reason) => renderReason(reason, most))),
    element("p", { class: "note" }, sum),
    element("p", { class: "note" }, `Pattern ${patterns.describe(patterns.key(alert))}.`),
  );
}

function renderReason({ feature, value, usual: [low, high], contribution }, most) {
  const place = value < low ? "below" : value > high ? "above" : "within";
  const number = feature === "Amount" ? money : short;
  const range = `${number(low)} to ${number(high)}`;
  return element(
    "li",
    { class: "reason" },
    element("span", { class: "feature", title: feature }, featureName(feature)),
    element("span", { class: "value" }, `${number(value)}, ${place} ${range}`),
    rangePlot(value, low, high),
    pushBar(contribution, most),
    element("span", { class: "push" }, signed(contribution)),
  );
}

// Draws the typical range as a band and the payment's value as a dot, on one scale.
function rangePlot(value, low, high) {
  const [from, to] = [Math.min(low, value), Math.max(high, value)];
  const at = (number) => 100 * (MARGIN + ((number - from) / (to - from || 1)) * (1 - 2 * MARGIN));
  const plot = shape("svg", { class: "range", "aria-hidden": "true" });
  plot.append(
    shape("line", { class: "track", x1: "0", x2: "100%", y1: "50%", y2: "50%" }),
    shape("rect", { class: "band", x: `${at(low)}%`, width: `${Math.max(at(high) - at(low), 0.5)}%`, y: "25%", height: "50%", rx: 2 }),
    shape("circle", { class: value < low || value > high ? "dot outside" : "dot", cx: `${at(value)}%`, cy: "50%", r: 5 }),
  );
  return plot;
}

function pushBar(contribution, most) {
  const bar = shape("svg", { class: "pushed", "aria-hidden": "true" });
  bar.append(shape("rect", { width: `${(100 * Math.abs(contribution)) / (most || 1)}%`, height: "100%", rx: 2, class: contribution < 0 ? "away" : "towards" }));
  return bar;
}

function transaction(alert) {
  const sent = Object(alert.transaction);
  const components = Object.keys(sent).filter((name) => /^V\d+$/.test(name));
  const text = (value) => (value === undefined ? "–" : String(value));
  return element(
    "section",
    { class: "transaction" },
    element("h3", {}, "Transaction"),
    pairs("fields", {
      Account: masked(text(sent.account_id)),
      "Event time": moment(alert.event_time),
      "Scored at": moment(alert.scored_at),
      Model: alert.model_version,
      "Partition-offset": alert.position,
    }),
    element(
      "details",
      {},
      element("summary", {}, `${components.length} anonymous components`),
      pairs("components", Object.fromEntries(components.map((name) => [name, text(sent[name])]))),
    ),
  );
}

// The console: shows alerts as they come, opens one at a time, and labels it by click or key.

import * as detail from "./detail.js";
import { masked } from "./format.js";
import * as queue from "./queue.js";
import { update } from "./vitals.js";

const NAME = "fraud.analyst";
const SECOND = 1000;
const RETRY = 2 * SECOND;
const $ = (id) => document.getElementById(id);

let opened = null; // position of the alert in the detail pane
let busy = false;

function listen() {
  const source = new EventSource(`/alerts/stream?recent=${queue.KEPT}`);
  source.addEventListener("open", () => setConnection("live"));
  source.addEventListener("alert", (event) => receive(JSON.parse(event.data)));
  source.addEventListener("reset", queue.clear); // a topic was recreated
  source.addEventListener("error", () => {
    setConnection("reconnecting");
    // The browser reconnects a broken stream, but not a refused one.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, RETRY);
  });
}

function receive(alert) {
  queue.put(alert);
  if (alert.position === opened) show(alert);
}

function setConnection(state) {
  $("connection").textContent = state;
  document.body.dataset.connection = state;
}

function show(alert) {
  const focused = $("detail").contains(document.activeElement);
  const unfolded = $("detail").querySelector("details")?.open;
  $("detail").replaceChildren(...detail.render(alert, judge, close));
  if (unfolded) $("detail").querySelector("details").open = true;
  if (focused) $("detail").focus({ preventScroll: true }); // the focused button was replaced
}

function open(position) {
  const alert = queue.get(position);
  if (!alert) return;
  if (position !== opened) $("detail").scrollTop = 0;
  opened = position;
  queue.select(position);
  show(alert);
  document.body.classList.add("opened");
}

function close() {
  document.body.classList.remove("opened");
  $("alerts").focus();
}

// A key labels only the alert on screen. Another one may be selected, and a phone hides the detail
// pane while it shows the queue; then the key opens the selected alert.
function judgeByKey(fraud) {
  const position = queue.current();
  if (position === opened && $("detail").checkVisibility()) return judge(fraud);
  open(position);
  if (position === opened) $("message").textContent = "Opened. Press again to judge it.";
}

async function judge(fraud) {
  const alert = queue.get(opened);
  const name = $("analyst").value.trim();
  if (!alert || busy) return;
  if (!name) {
    $("message").textContent = "Enter your name first: a judgement carries it.";
    $("analyst").focus();
    return;
  }
  busy = true;
  const next = alert.label === null && queue.showing() === "open" ? queue.neighbour(opened) : opened;
  // Move on, unless the analyst has selected another alert during the request.
  const goOn = () => queue.current() === alert.position && (next ? open(next) : finish());
  $("message").textContent = await sendLabel(alert, fraud, name, goOn);
  busy = false;
}

// Sends the label. The page shows it once it comes back on the stream, as on every other console.
async function sendLabel(alert, fraud, name, done) {
  const body = JSON.stringify({ is_fraud: fraud, labelled_by: name, position: alert.position });
  try {
    const answer = await fetch("/alerts/label", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    if (!answer.ok) return `Not saved: ${(await answer.json()).detail}`;
  } catch {
    return "Not saved: the server does not answer.";
  }
  done();
  return `${masked(alert.transaction_id)}: saved as ${fraud ? "fraud" : "legitimate"} by ${name}.`;
}

function finish() {
  opened = null;
  queue.select(null);
  $("detail").replaceChildren(Object.assign(document.createElement("p"), { className: "empty", textContent: "All open alerts are judged." }));
  close();
}

const KEYS = {
  j: () => queue.move(1),
  ArrowDown: () => queue.move(1),
  k: () => queue.move(-1),
  ArrowUp: () => queue.move(-1),
  Enter: () => open(queue.current()),
  f: () => judgeByKey(true),
  l: () => judgeByKey(false),
  Escape: close,
};

document.addEventListener("keydown", (event) => {
  const action = KEYS[event.key];
  const typing = event.target.closest("input, select, textarea");
  const own = event.key === "Enter" && event.target.closest("button, summary, a");
  if (!action || typing || own || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  action();
});

for (const state of ["open", "judged"]) {
  const tab = $(`tab-${state}`);
  tab.addEventListener("click", () => queue.choose(state));
  tab.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const other = $(state === "open" ? "tab-judged" : "tab-open");
    other.focus();
    other.click();
  });
}

$("group").addEventListener("click", () => {
  const grouped = $("group").getAttribute("aria-pressed") !== "true";
  $("group").setAttribute("aria-pressed", grouped);
  queue.group(grouped);
});

async function tick() {
  try {
    const problem = await update();
    $("problem").hidden = problem === null;
    $("problem").textContent = problem === null ? "" : `Kafka does not answer; what is shown may be old. ${problem}`;
  } catch {
    // The stream breaks as well and shows it.
  }
  setTimeout(tick, SECOND);
}

$("analyst").value = localStorage.getItem(NAME) ?? "";
$("analyst").addEventListener("input", (event) => localStorage.setItem(NAME, event.target.value.trim()));
queue.listen(open);
listen();
tick();

"""The console in a browser: a real Kafka, `fraud serve` as a process, and headless Chromium."""

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
import urllib.request
from datetime import UTC, datetime
from functools import partial

import httpx
import pytest
import uvicorn
from playwright.sync_api import expect, sync_playwright
from prometheus_client import CollectorRegistry, start_http_server
from support import publishing
from support.commands import FRAUD, make_environment
from support.data import shop
from support.data.alerts import encode_alert, make_reasons
from support.data.transactions import ENCODER, make_transaction_bytes
from support.fakes import FakeModel
from support.paths import ROOT
from support.ports import find_free_port
from support.programs import require_program
from support.topic_reader import read_json
from support.waiting import wait_for

from api.app import create_app
from api.background import end_streams
from api.dependencies import Dependencies
from api.publisher import KafkaPublisher
from drift.reports.index import IndexEntry, ReportFolder, update_folder
from model import dataset
from streams.kafka.clock import get_utc_now
from streams.kafka.topics import ALERTS, DRIFT_EVENTS, LABELS
from streams.scorer.metrics import ScorerMetrics

# the first figures wait for the import of scipy, which is slow on a busy machine
expect.set_options(timeout=30_000)

SCRIPT = "<script>document.title='taken'</script>"
PHONE = {"width": 390, "height": 844}


def make_alert(name, loss=50.0, **changes):
    own = {
        "transaction_id": name,
        "amount": 2 * loss,
        "expected_loss": loss,
        "reasons": make_reasons(*5 * [1.5]),
        "rest": -1.5,
    }
    transaction = make_transaction_bytes(1, transaction_id=name, account_id="acc-1")
    return encode_alert(transaction, **(own | changes))


def publish(connection, *values, topic=ALERTS):
    publishing.publish(connection, topic, values)


class Server:
    """`fraud serve` on a free port, without a scorer."""

    def __init__(self, connection, model, **changes):
        self._port = find_free_port()
        own = {
            "FRAUD_API_PORT": str(self._port),
            "FRAUD_METRICS_PORT": str(find_free_port(following=7)),
            "FRAUD_MODEL_DIR": str(model.directory),
        }
        self._environment = make_environment(connection, **own | changes)
        self.url = f"http://127.0.0.1:{self._port}"
        self.start()

    def start(self):
        self._process = subprocess.Popen([*FRAUD, "serve"], env=self._environment, cwd=ROOT)
        wait_for(self._answers, 60, "the alerts are read")

    def _answers(self):
        assert self._process.poll() is None, "fraud serve ended"
        asked = urllib.request.Request(
            f"{self.url}/alerts", headers={"X-API-Key": self._environment.get("FRAUD_API_KEY", "")}
        )
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(asked, timeout=5).status == 200

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(10) == 0


@contextlib.contextmanager
def run_server(*arguments, **changes):
    running = Server(*arguments, **changes)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def server(module_connection, model):
    with run_server(module_connection, model) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=require_program("chromium"), args=["--no-sandbox"]
        )
        yield started
        started.close()


@contextlib.contextmanager
def open_console(browser, server, name="Ana", **options):
    """Open the page in a fresh profile; errors and warnings in the browser fail the test."""
    with open_page(browser, "error", "warning", **options) as page:
        page.goto(f"{server.url}/console")
        if name:
            page.get_by_label("Analyst").fill(name)
        expect(page.get_by_text("live", exact=True)).to_be_visible()
        yield page


@contextlib.contextmanager
def open_page(browser, *kinds, **options):
    """Open a page in a fresh profile; messages of these kinds on its console fail the test."""
    errors = []

    def note(message):
        if message.type in kinds:
            errors.append(message.text)

    with contextlib.closing(browser.new_context(**options)) as context:
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
    assert errors == []


def judge(page, verdict):
    page.get_by_role("button", name=verdict).click()


def open_tab(page, name):
    page.get_by_role("tab", name=name).click()


def write_index(folder, name):
    """Write an index of one report."""
    entry = IndexEntry(7, datetime(2026, 1, 31, tzinfo=UTC), 5_000, 0.5, True, name)
    update_folder(ReportFolder(folder, [entry], keep=1))


def find_row(page, name):
    return page.get_by_role("option").filter(has=page.get_by_text(name, exact=True))


def read_labels(connection, name, count=1):
    """Return the labels of a transaction in order, once there are at least `count`."""

    def found():
        every = read_json(connection, LABELS, 0)
        return [label for label in every if label["transaction_id"] == name]

    return wait_for(lambda: len(found()) >= count and found(), 10, f"{count} labels about {name}")


def test_an_alert_appears_without_a_reload_and_a_click_writes_its_label(
    browser, server, module_connection
):
    with open_console(browser, server) as page:
        publish(module_connection, make_alert("click-1"))
        expect(find_row(page, "click-1")).to_be_visible(timeout=2_000)
        find_row(page, "click-1").click()
        expect(page.get_by_text("component 3", exact=True)).to_be_visible()
        judge(page, "Fraud")
        expect(find_row(page, "click-1")).to_have_count(0)  # it is no longer open
        open_tab(page, "Judged")
        expect(find_row(page, "click-1").get_by_text("fraud")).to_be_visible()
    (label,) = read_labels(module_connection, "click-1")
    assert {name: label[name] for name in ("entities", "is_fraud", "source", "labelled_by")} == {
        "entities": {"account_id": "acc-1"}, "is_fraud": True,
        "source": "analyst", "labelled_by": "Ana",
    }  # fmt: skip


def test_features_have_the_names_from_the_server(browser, server, module_connection):
    reasons = [
        {"feature": name, "value": -5.0, "usual": [-1.0, 1.0], "contribution": 1.5}
        for name in ("V3", "constructor")
    ]
    publish(module_connection, make_alert("named", reasons=reasons))
    with open_console(browser, server) as page:
        find_row(page, "named").click()
        expect(page.locator("#detail .feature")).to_have_text(["component 3", "constructor"])
        body = 'export const NAMES = { V3: "velocity" };'
        page.route(
            "**/names.js", lambda route: route.fulfill(content_type="text/javascript", body=body)
        )
        page.reload()
        find_row(page, "named").click()
        expect(page.locator("#detail .feature")).to_have_text(["velocity", "constructor"])


def test_alerts_are_grouped_by_the_pattern_of_their_reasons(
    browser, server, module_connection, model
):
    pattern = model.manifest.patterns[0]
    known = [
        {"feature": name, "value": -5.0, "usual": [-1.0, 1.0], "contribution": 1.5}
        for name in reversed(pattern.features)
    ]
    publish(
        module_connection,
        make_alert("group-1", loss=8_003, reasons=known),
        make_alert("group-2", loss=8_002),
        make_alert("group-3", loss=8_001, reasons=known[::-1]),
    )
    says = f"{pattern.frauds} of {pattern.alerts} such alerts in training were frauds"
    with open_console(browser, server) as page:
        expect(find_row(page, "group-3")).to_be_visible()
        page.get_by_role("button", name="Group by pattern of reasons").click()
        expect(page.locator(".group").first).to_contain_text(
            f"2 with component {pattern.features[0][1:]}, "
        )
        expect(page.locator(".group").first).to_contain_text(says)
        order = page.locator(".row .id").all_text_contents()
        assert order[:3] == ["group-1", "group-3", "group-2"]
        find_row(page, "group-1").click()
        page.keyboard.press("j")
        expect(find_row(page, "group-3")).to_have_attribute("aria-selected", "true")
        expect(page.locator("#detail")).to_contain_text(says)


def test_a_judgement_can_be_changed_and_survives_a_restart(browser, server, module_connection):
    publish(module_connection, make_alert("again-1"), make_alert("again-2"))
    with open_console(browser, server) as page:
        find_row(page, "again-1").click()
        judge(page, "Fraud")
        open_tab(page, "Judged")
        find_row(page, "again-1").click()
        page.get_by_label("Analyst").fill("Bo")
        judge(page, "Legitimate")
        expect(page.get_by_text("Judged legitimate by Bo")).to_be_visible()
        assert [label["labelled_by"] for label in read_labels(module_connection, "again-1", 2)] == [
            "Ana",
            "Bo",
        ]
    server.stop()
    server.start()
    with open_console(browser, server) as page:
        expect(find_row(page, "again-2")).to_be_visible()
        expect(find_row(page, "again-1")).to_have_count(0)
        open_tab(page, "Judged")
        expect(find_row(page, "again-1").get_by_text("legitimate")).to_be_visible()
        expect(page.locator("#precision-note")).to_have_text("of 2 judged alerts")


def test_markup_in_alerts_is_shown_as_text(browser, server, module_connection):
    reason = {"feature": SCRIPT, "value": -5.0, "usual": [-1.0, 1.0], "contribution": 1.5}
    publish(module_connection, make_alert(SCRIPT, loss=7.0, reasons=[reason], model_version=SCRIPT))
    with open_console(browser, server) as page:
        find_row(page, SCRIPT).click()
        expect(page.locator("#detail .feature")).to_have_text(SCRIPT)
        judge(page, "Fraud")
        expect(page.get_by_text(f"{SCRIPT}: saved as fraud by Ana.")).to_be_visible()
        assert page.title() == "Fraud alerts"
    assert read_labels(module_connection, SCRIPT)


def test_card_numbers_in_ids_are_masked_and_labels_have_the_whole_id(
    browser, server, module_connection
):
    card = "3782.822463.10005"
    other = "4111-1111-1111-1112"  # its check digit is wrong
    transaction = make_transaction_bytes(1, transaction_id=card, account_id=f"{card} {other}")
    own = {"transaction_id": card, "amount": 9.0, "expected_loss": 9.0, "rest": -1.5}
    publish(module_connection, encode_alert(transaction, **own, reasons=make_reasons(*5 * [1.5])))
    shown = "3782.82****.*0005"
    with open_console(browser, server) as page:
        find_row(page, shown).click()
        expect(page.locator("#detail .title")).to_have_text(shown)
        expect(page.get_by_text(f"{shown} {other}")).to_be_visible()
        judge(page, "Fraud")
        expect(page.get_by_text(f"{shown}: saved as fraud by Ana.")).to_be_visible()
        assert card not in page.locator("body").inner_text()
    assert read_labels(module_connection, card)


class OwnServer:
    """The API with a fake model of an own schema, in a thread."""

    def __init__(self, connection, home):
        model = FakeModel(typical_ranges=shop.USUAL, decoder=shop.DECODER)
        publisher = KafkaPublisher(connection)
        app = create_app(
            Dependencies(model, connection, publisher, get_utc_now, home, CollectorRegistry())
        )
        port = find_free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
        self._stop_streams = partial(end_streams, app)
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self):
        self._thread.start()
        wait_for(lambda: self._server.started, 30, "the server answers")
        return self

    def __exit__(self, *_):
        self._stop_streams()
        self._server.should_exit = True
        self._thread.join()


def test_an_alert_of_an_own_schema_is_shown_in_words(browser, connection, tmp_path):
    payment = shop.encode_payment(note="card 4111111111111111")
    publish(connection, shop.encode_shop_alert(payment))
    with OwnServer(connection, tmp_path) as own, open_console(browser, own) as page:
        find_row(page, "p-1").click()
        assert page.locator("#detail .feature").all_text_contents() == [
            "country",
            "total",
            "new device",
            "hour of the day",
            "day of the week",
            "attempts",
            "weekend",
        ]
        assert page.locator("#detail .value").all_text_contents() == [
            "NG, 2.1% of legitimate payments",
            "1,234.567, above 1.000 to 120.500",
            "yes, typical: no",
            "23 h, above 7 h to 22 h",
            "Saturday, typical: Monday to Sunday",
            "missing, typical: 0 to 2",
            "yes, typical: no to yes",
        ]
        assert page.locator("#detail .figures dd").all_text_contents()[:2] == [
            "617.283",
            "1,234.567",
        ]
        carried = dict(
            zip(
                page.locator("#detail .fields dt").all_text_contents(),
                page.locator("#detail .fields dd").all_text_contents(),
                strict=True,
            )
        )
        shown = {
            "Card": "card-7",
            "Country": "NG",
            "Attempts": "\N{EN DASH}",
            "New device": "yes",
            "IP address": "hidden",
            "Note": "card 411111******1111",
        }
        assert {name: carried[name] for name in shown} == shown
        assert shop.IP not in page.content()
        expect(page.get_by_text("anonymous components")).to_have_count(0)
        page.get_by_role("button", name="Group by pattern of reasons").click()
        expect(page.locator(".group")).to_contain_text("new device")
        judge(page, "Fraud")
        expect(page.get_by_text("p-1: saved as fraud by Ana.")).to_be_visible()
    [label] = read_labels(connection, "p-1")
    assert label["entities"] == {"card": "card-7"}


def test_keys_work_through_the_queue_with_the_largest_expected_loss_first(
    browser, server, module_connection
):
    publish(
        module_connection, *(make_alert(f"key-{loss}", loss=loss) for loss in (9_001, 9_003, 9_002))
    )
    with open_console(browser, server, name="") as page:
        expect(find_row(page, "key-9001")).to_be_visible()
        assert page.locator(".row .id").all_text_contents()[:3] == [
            "key-9003",
            "key-9002",
            "key-9001",
        ]
        page.keyboard.press("j")
        page.keyboard.press("ArrowDown")
        expect(find_row(page, "key-9002")).to_have_attribute("aria-selected", "true")
        page.keyboard.press("Enter")
        page.keyboard.press("l")
        expect(page.get_by_text("Enter your name first")).to_be_visible()
        page.keyboard.type("Flo")  # in the field, which has the focus, `l` is a letter
        page.keyboard.press("Tab")
        page.keyboard.press("l")
        # the next one opens
        expect(page.get_by_role("heading", name="key-9001")).to_be_visible()
    (label,) = read_labels(module_connection, "key-9002")
    assert (label["is_fraud"], label["labelled_by"]) == (False, "Flo")


def test_keys_judge_only_the_alert_on_view(browser, server, module_connection):
    publish(
        module_connection,
        *(make_alert(f"view-{loss}", loss=loss) for loss in (9_503, 9_502, 9_501)),
    )
    with open_console(browser, server) as page:
        find_row(page, "view-9503").click()
        page.keyboard.press("j")
        page.keyboard.press("f")  # the highlighted alert is not the one on view
        expect(page.get_by_role("heading", name="view-9502")).to_be_visible()
        expect(page.locator("#message")).to_have_text("Opened. Press again to judge it.")
        open_tab(page, "Judged")
        open_tab(page, "Open")  # highlights the first again
        page.keyboard.press("l")
        expect(page.get_by_role("heading", name="view-9503")).to_be_visible()
        page.set_viewport_size(PHONE)
        page.keyboard.press("Escape")
        expect(page.locator("#detail")).to_be_hidden()
        page.keyboard.press("f")
        expect(page.get_by_role("heading", name="view-9503")).to_be_visible()
        page.keyboard.press("f")
        expect(page.get_by_text("view-9503: saved as fraud by Ana.")).to_be_visible()
    judged = {
        item["transaction_id"]
        for item in httpx.get(f"{server.url}/alerts", params={"state": "judged"}).json()
    }
    assert {name for name in judged if name.startswith("view-")} == {"view-9503"}


def test_the_focus_outline_is_inside_the_list_and_outside_a_button(
    browser, server, module_connection
):
    publish(module_connection, make_alert("focus-1", loss=8_500))
    with open_console(browser, server) as page:
        find_row(page, "focus-1").click()
        page.keyboard.press("Tab")
        offset = "getComputedStyle(document.activeElement).outlineOffset"
        found = {}
        for name in ("#alerts", ".actions .fraud"):
            page.locator(name).focus()
            found[name] = page.evaluate(offset)
        assert found == {"#alerts": "-2px", ".actions .fraud": "2px"}


def test_a_phone_shows_queue_and_alert_without_scrolling_sideways(
    browser, server, module_connection
):
    name = "phone-" + 120 * "x"
    publish(module_connection, make_alert(name, loss=8_000))
    with open_console(browser, server, viewport=PHONE, has_touch=True) as page:
        width = "[document.documentElement.scrollWidth, document.body.scrollWidth]"
        find_row(page, name).wait_for()
        assert max(page.evaluate(width)) == PHONE["width"]
        find_row(page, name).tap()
        expect(page.get_by_role("button", name="Legitimate")).to_be_in_viewport()
        assert max(page.evaluate(width)) == PHONE["width"]
        page.get_by_role("button", name="Queue").tap()
        expect(find_row(page, name)).to_be_visible()


def read_events(server, count, **headers):
    """Return (id, transaction, whether it is judged) of the first events of a stream."""
    with httpx.stream(
        "GET", f"{server.url}/alerts/stream", params={"recent": 1000}, headers=headers, timeout=30
    ) as answer:
        lines, found, alert = answer.iter_lines(), [], None
        while len(found) < count:
            field, _, value = next(lines).partition(": ")
            if field == "data":
                alert = json.loads(value)
            elif field == "id":
                found.append((value, alert["transaction_id"], alert["label"] is not None))
        return found


def test_a_client_that_reconnects_gets_the_events_it_missed(server, module_connection):
    publish(module_connection, make_alert("seen"), make_alert("missed"))
    wait_for(lambda: {"seen", "missed"} <= set(list_alerts(server)), 10, "both are listed")
    seen, *missed = read_events(server, len(list_alerts(server)))[-2:]
    httpx.post(
        f"{server.url}/alerts/{seen[1]}/label", json={"is_fraud": True, "labelled_by": "Ana"}
    ).raise_for_status()
    publish(module_connection, make_alert("new"))
    again = read_events(server, 3, **{"Last-Event-ID": seen[0]})
    assert again[0] == missed[0]
    assert {event[1:] for event in again[1:]} == {(seen[1], True), ("new", False)}


def list_alerts(server):
    return [
        item["transaction_id"]
        for item in httpx.get(f"{server.url}/alerts", params={"limit": 1000}).json()
    ]


def test_unknown_figures_are_shown_as_missing_and_not_as_zero(browser, server):
    with open_console(browser, server) as page:
        for figure in ("rate", "alert-rate", "latency", "drift"):
            expect(page.locator(f"#{figure}")).to_have_text("\N{EN DASH}")
        expect(page.get_by_text("no scorer answers")).to_have_count(3)


@contextlib.contextmanager
def run_worker(port):
    """Serve a worker's metrics: 2% of its transactions are alerts, and each takes 20 ms."""
    registry = CollectorRegistry()
    stop = threading.Event()
    metrics = ScorerMetrics(registry, "transactions", FakeModel("v1"), restarts=0)

    def score():
        while not stop.wait(0.05):
            metrics.transactions.labels("review").inc(2)
            metrics.transactions.labels("approve").inc(98)
            metrics.end_to_end.observe([0.02] * 100)

    page, _ = start_http_server(port, "127.0.0.1", registry)
    scoring = threading.Thread(target=score)
    scoring.start()
    try:
        yield
    finally:
        stop.set()
        scoring.join()
        page.shutdown()
        page.server_close()


def make_drift_event(**changes):
    return json.dumps(
        json.loads((ROOT / "docs/contract/examples/drift-event.json").read_text()) | changes
    ).encode()


def test_the_figures_of_a_scorer_and_the_last_window_are_shown(browser, connection, model):
    port = find_free_port(following=7)
    with (
        run_worker(port),
        run_server(connection, model, FRAUD_METRICS_PORT=str(port)) as own,
        open_console(browser, own) as page,
    ):
        expect(page.locator("#rate")).to_have_text(re.compile(r"^[1-9][\d,]*$"), timeout=30_000)
        expect(page.locator("#alert-rate")).to_have_text(re.compile(r"^(19|20|21)(\.\d)?$"))
        expect(page.locator("#latency")).to_have_text(
            re.compile(r"^(19\.9|20)$")
        )  # linear in the bucket from 15 to 20 ms
        expect(page.locator("#median")).to_have_text(", 17.5 median")
        for figure in ("rate", "alert-rate", "latency"):
            expect(page.locator(f"#{figure}-plot path.line")).not_to_have_count(0)
            expect(page.locator(f"#{figure}-peak")).to_have_text(re.compile(r"^peak [\d,.]+$"))
        publish(
            connection, make_drift_event(window=7, detected=True, score=1 / 30), topic=DRIFT_EVENTS
        )
        expect(page.locator("#drift")).to_have_text("drift")
        expect(page.locator("#drift-score")).to_have_text("score 0.033")
        publish(
            connection, make_drift_event(window=8, detected=False, score=0.0), topic=DRIFT_EVENTS
        )
        expect(page.locator("#drift")).to_have_text("none")
        expect(page.locator("#drift-note")).to_have_text(re.compile("^window 8, "))
        expect(page.locator("#drift-plot path.line")).to_have_count(1)
        expect(page.locator("#drift-peak")).to_have_text("peak 0.033")


def test_the_largest_expected_loss_stays_on_top_of_many_alerts(browser, connection, model):
    with run_server(connection, model) as own, open_console(browser, own) as page:
        publish(connection, make_alert("dear", loss=9_000))
        expect(find_row(page, "dear")).to_be_visible()
        publish(connection, *(make_alert(f"small-{i}", loss=1.0) for i in range(2_100)))
        expect(page.locator("#count-open")).to_have_text("2000", timeout=30_000)
        for _ in range(2):  # in this page, and after a reload
            expect(page.locator(".row .id").first).to_have_text("dear")
            expect(page.locator("#more")).to_have_text(
                "1800 more with a smaller expected loss. "
                "Older ones may be on the topic alerts only."
            )
            page.reload()


# Returns the lowest contrast of any text (WCAG 2 requires 4.5), its element, and the lightness of
# the page.
CONTRAST = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const linear = (part) => (part <= 10.31 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([red, green, blue]) =>
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  const ground = (node) => {
    const [red, green, blue, opacity = 1] = numbers(getComputedStyle(node).backgroundColor);
    return opacity ? [red, green, blue] : ground(node.parentElement);
  };
  const contrast = (node) => {
    const [one, other] = [light(numbers(getComputedStyle(node).color)), light(ground(node))];
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  };
  const texts = [...document.querySelectorAll("body *")].filter(
    (node) =>
      node.checkVisibility() &&
      [...node.childNodes].some(
        (child) => child.nodeType === Node.TEXT_NODE && child.data.trim(),
      ),
  );
  const [least] = texts.sort((one, other) => contrast(one) - contrast(other));
  return [contrast(least), least.outerHTML, light(ground(document.body))];
}"""


@pytest.mark.parametrize(("scheme", "bright"), [("light", True), ("dark", False)])
def test_text_has_enough_contrast_in_both_colour_schemes(
    browser, server, module_connection, scheme, bright
):
    publish(
        module_connection,
        make_alert(f"read-{scheme}", loss=8_400),
        make_alert(f"blocked-{scheme}", loss=8_300, decision="block"),
    )
    with open_console(browser, server, color_scheme=scheme, reduced_motion="reduce") as page:
        find_row(page, f"read-{scheme}").click()
        expect(find_row(page, f"blocked-{scheme}")).to_be_visible()
        contrast, element, light = page.evaluate(CONTRAST)
        assert contrast >= 4.5, element
        assert (light > 0.5) == bright


def test_the_index_and_a_report_are_drawn_without_errors(browser, creditcard, model, tmp_path):
    name = "window-000007.html"
    data = tmp_path / "now.csv"
    rows = dataset.read(creditcard, ENCODER).iloc[150_000:152_000]
    rows.assign(V14=rows["V14"] + 3).to_csv(data, index=False)
    command = [*FRAUD, "report", "--data", str(data), "--out", str(tmp_path / name)]
    subprocess.run(
        command, env={**os.environ, "FRAUD_MODEL_DIR": str(model.directory)}, cwd=ROOT, check=True
    )
    write_index(tmp_path, name)
    with open_page(browser, "error") as page:
        page.goto((tmp_path / "index.html").as_uri())
        expect(page.locator("svg circle")).to_have_count(1)
        page.get_by_role("link", name="report", exact=True).click()
        expect(page.get_by_text("Dataset Drift is detected", exact=False)).to_be_visible(
            timeout=30_000
        )
        expect(page.get_by_text("Confusion Matrix", exact=False).first).to_be_visible()


def test_one_login_with_the_key_opens_console_and_reports(browser, connection, model, tmp_path):
    folder = tmp_path / "reports" / "predictions"
    name = "window-000007.html"
    folder.mkdir(parents=True)
    (folder / name).write_text("<script>document.title = `origin ${self.origin}`</script>")
    write_index(folder, name)
    changes = {"FRAUD_HOME": str(tmp_path), "FRAUD_API_KEY": "of the tests in a browser"}
    with (
        run_server(connection, model, **changes) as own,
        contextlib.closing(browser.new_context()) as context,
    ):
        page = context.new_page()
        page.goto(f"{own.url}/console")
        page.get_by_label("API key").fill(changes["FRAUD_API_KEY"])
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_text("live", exact=True)).to_be_visible()
        page.get_by_role("link", name="reports").click()
        page.get_by_role("link", name="index.html").click()
        expect(page.locator("h1")).to_have_css("font-family", re.compile("system-ui"))
        page.get_by_role("link", name="report", exact=True).click()
        expect(page).to_have_title("origin null")  # its scripts run without an origin

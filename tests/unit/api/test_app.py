"""The API with a fake model (its margin is V1) and a fake bus: answers, access and refusals."""

import asyncio
import dataclasses
import json
import os
import re
from datetime import timedelta

import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry
from support.data.transactions import make_transaction, make_transaction_bytes
from support.fakes import NOW, FakeBus, FakeModel

from api.app import create_app
from api.auth import COOKIE, Access
from api.dependencies import Dependencies
from api.middleware import SecurityMiddleware
from cli.commands.serve import serve
from cli.errors import CommandError
from drift.reports.index import INDEX, ReportFolder, update_folder
from payments.contract import INPUTS, Reason
from streams.kafka.connection import Connection

HERE = "http://127.0.0.1:8000"
PAYMENT = {name: value for name, value in make_transaction(1).items() if name in INPUTS}


@dataclasses.dataclass
class Clock:
    now: object = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def bus():
    return FakeBus()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def client(bus, clock, tmp_path):
    """Makes a client of an application with this access; background threads are not started."""

    def make(model=None, **access):
        dependencies = Dependencies(
            model or FakeModel(),
            Connection("127.0.0.1:9"),
            bus,
            clock,
            tmp_path,
            CollectorRegistry(),
        )
        return TestClient(
            create_app(dependencies, Access(**access)),
            HERE,
            raise_server_exceptions=False,
            follow_redirects=False,
        )

    return make


@pytest.fixture
def locked(client):
    """A client of an application that requires a key."""
    return client(key="secret")


def raw(name, text):
    """A payment in which one field is this JSON text."""
    return json.dumps(PAYMENT | {name: "?"}).replace('"?"', text).encode()


def test_an_approved_payment_has_no_reasons(client):
    assert client().post("/predict", json=PAYMENT | {"V1": -30.0}).json() == {
        "prediction": 0,
        "probability": pytest.approx(9.357622968839299e-14, rel=1e-12),
        "threshold": 0.5,
        "decision": "approve",
        "model_version": "fake",
        "reasons": [],
    }


@pytest.mark.parametrize(("margin", "decision"), [(0.0, "review"), (7.5, "block")])
def test_other_decisions_have_the_reasons_of_an_alert(client, margin, decision):
    answer = client().post("/predict", json=PAYMENT | {"V1": margin}).json()
    assert (answer["prediction"], answer["decision"], len(answer["reasons"])) == (1, decision, 5)
    assert answer["reasons"][0] == {
        "feature": "V1",
        "label": "component 1",
        "value": margin,
        "usual": [-1.0, 1.0],
        "contribution": margin,
    }
    for reason in answer["reasons"]:
        Reason.model_validate(reason | {"usual": tuple(reason["usual"])})


NO_FLOAT32 = [
    "null",
    "true",
    '"1"',
    '"NaN"',
    "[1]",
    "{}",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "3.4028236e38",
    "1" + 400 * "0",
]


@pytest.mark.parametrize("name", ["V1", "Amount"])
def test_an_invalid_number_is_named_and_not_repeated(client, name):
    api = client()
    for text in NO_FLOAT32:
        answer = api.post("/predict", content=raw(name, text))
        assert (answer.status_code, text) == (422, text)
        (error,) = answer.json()["detail"]
        assert error.keys() == {"loc", "msg", "type"}
        assert error["loc"] == ["body", name]
        assert text not in error["msg"]


def test_every_missing_field_is_named(client):
    answer = client().post(
        "/predict", json={name: 1.0 for name in INPUTS if name not in ("V7", "Amount")}
    )
    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["detail"]] == [
        ["body", "V7"],
        ["body", "Amount"],
    ]


def test_a_negative_amount_is_refused_and_a_zero_is_not(client):
    answer = client().post("/predict", json=PAYMENT | {"Amount": -0.01})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "Amount"])
    assert client().post("/predict", json=PAYMENT | {"Amount": 0}).status_code == 200


NO_OBJECT = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"1",
    b"\xff\xfe",
    b'{"V1": 1',
    b"\xef\xbb\xbf" + make_transaction_bytes(1),
    b"[" * 60_000,
]


@pytest.mark.parametrize("path", ["/predict", "/transactions"])
def test_a_body_that_is_not_a_json_object_is_refused(client, bus, path):
    api = client()
    for body in NO_OBJECT:
        answer = api.post(path, content=body)
        assert (answer.status_code, body[:10]) == (422, body[:10])
        assert answer.json()["detail"][0]["loc"] == ["body"]
    assert bus.published == []


def test_an_ignored_field_must_still_be_valid_json(client):
    api = client()
    found = [
        api.post("/predict", content=raw("other", text)).status_code
        for text in ('"\\ud800"', "[" * 500 + "]" * 500, '{"a": [NaN]}', '{"a": [1]}')
    ]
    assert found == [422, 422, 422, 200]


def test_the_last_of_duplicate_keys_counts(client):
    body = raw("V1", '-7.5, "V1": 7.5')
    assert client().post("/predict", content=body).json()["reasons"][0]["value"] == 7.5


def test_a_transaction_is_published_byte_for_byte(client, bus):
    plain, owned = (
        b" " + make_transaction_bytes(1, extra=[1]),
        make_transaction_bytes(2, account_id="konto-ä"),
    )
    for body in (plain, owned):
        answer = client().post("/transactions", content=body)
        assert (answer.status_code, answer.json()) == (
            202,
            {"transaction_id": json.loads(body)["transaction_id"]},
        )
    assert bus.published == [
        ("transactions", b"t-1", plain),
        ("transactions", "konto-ä".encode(), owned),
    ]


def test_an_unconfirmed_transaction_is_a_503(client, bus):
    bus.away = True
    answer = client().post("/transactions", content=make_transaction_bytes(1))
    detail = {"detail": "not confirmed: no broker answers"}
    assert (answer.status_code, answer.json()) == (503, detail)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"event_time": "2026-01-01T00:00:00"}, "event_time"),
        ({"transaction_id": ""}, "transaction_id"),
        ({"V3": None}, "V3"),
    ],
)
def test_an_invalid_transaction_names_its_field_and_is_not_published(client, bus, changes, name):
    answer = client().post("/transactions", content=make_transaction_bytes(1, **changes))
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", name])
    assert bus.published == []


def test_readiness_needs_kafka_but_health_and_scores_do_not(client, bus):
    api = client()
    assert api.get("/ready").json() == {"status": "ready", "model_version": "fake", "kafka": True}
    bus.away = True
    assert (api.get("/ready").status_code, api.get("/ready").json()["kafka"]) == (503, False)
    assert api.get("/health").status_code == 200
    assert api.post("/predict", json=PAYMENT).status_code == 200


@pytest.mark.parametrize("path", ["/predict", "/transactions"])
def test_a_body_can_be_as_large_as_the_largest_transaction(client, path):
    api, fits = client(), make_transaction_bytes(1).ljust(65_536)
    # at once, and chunked without a length
    for body in (lambda value: value, lambda value: iter([value[:40_000], value[40_000:]])):
        assert api.post(path, content=body(fits)).status_code in (200, 202)
        refusal = api.post(path, content=body(fits + b" "))
        assert (refusal.status_code, refusal.json()) == (413, TOO_LARGE)


TOO_LARGE = {"detail": "the body is larger than 65536 bytes"}


def test_no_operation_accepts_a_larger_body(client):
    refusals = [
        client(key="secret").post("/login", content=b"x" * 65_537),
        client().post("/alerts/t-1/label", json={"is_fraud": True, "labelled_by": "x" * 65_537}),
    ]
    assert [(refusal.status_code, refusal.json()) for refusal in refusals] == [(413, TOO_LARGE)] * 2


def test_a_body_is_limited_as_a_whole_and_not_by_its_parts():
    parts = [b"x" * 20_000] * 4
    taken = []

    async def receive():
        return {"type": "http.request", "body": parts.pop(), "more_body": bool(parts)}

    async def read(scope, receive, send):
        while True:
            taken.append(len((await receive())["body"]))

    scope = {"type": "http", "path": "/predict", "headers": [], "method": "POST"}
    with pytest.raises(HTTPException, match="the body is larger than 65536 bytes"):
        asyncio.run(SecurityMiddleware(read, [])(scope, receive, None))
    assert taken == [20_000] * 3


def test_a_failure_shows_no_traceback(client):
    answer = client().post("/predict", json=PAYMENT | {"V2": 666})
    assert (answer.status_code, answer.json()) == (
        500,
        {"detail": "internal error; the server's log says more"},
    )


@pytest.mark.parametrize(
    ("method", "path", "changes", "status", "text"),
    [
        ("GET", "/nothing", {}, 404, "Not Found"),
        ("GET", "/reports/<b>.html", {}, 404, "Not Found"),
        ("GET", "/console", {"Host": "evil.example"}, 400, "names another server"),
        ("POST", "/predict", {"Origin": "http://evil.example"}, 403, "another origin"),
        ("POST", "/predict", {}, 422, "body: "),
    ],
)
def test_a_browser_gets_an_error_as_a_page_like_the_console(
    client, method, path, changes, status, text
):
    api = client()
    answer = api.request(method, path, headers={"Accept": "text/html,*/*;q=0.8"} | changes)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert '<link rel="stylesheet" href="/console/static/console.css">' in answer.text
    assert text in answer.text
    assert "<b>" not in answer.text
    assert api.request(method, path, headers=changes).json()["detail"]


def test_a_client_gets_a_limited_number_of_requests_in_a_window(client, clock):
    api = client(rate="2/minute")
    assert [api.get("/").status_code for _ in range(3)] == [200, 200, 429]
    wait = int(api.get("/").headers["retry-after"])
    clock.now += timedelta(seconds=wait - 1)
    assert api.get("/").status_code == 429
    for probe in ("/health", "/ready", "/metrics"):  # a busy client can't fail them
        assert api.get(probe).status_code == 200
    clock.now += timedelta(seconds=1)
    assert api.get("/").status_code == 200


def test_only_pages_of_this_origin_can_change_something(client, bus):
    api = client()
    others = (
        "http://evil.example",
        "null",
        "http://127.0.0.1:8001",
        "http://127.0.0.1",
        "http://[",
    )

    def send(origin):
        headers = {"Origin": origin}
        sent = api.post("/transactions", content=make_transaction_bytes(1), headers=headers)
        return sent.status_code, api.get("/health", headers=headers).status_code

    assert {send(origin) for origin in others} == {(403, 200)}
    assert bus.published == []
    assert send(HERE) == (202, 200)


def test_only_requests_to_its_own_host_names_are_answered(client):
    api = client(hosts=("127.0.0.1", "fraud.example"))
    ours, others = (
        ("Fraud.example", "127.0.0.1:8000"),
        (
            "evil.example",
            "fraud.example.evil",
            "evil.fraud.example",
            "evilfraud.example",
            "127.0.0.1:8000@evil",
            "127.0.0.1:",
            "",
        ),
    )
    assert {api.get("/health", headers={"Host": host}).status_code for host in ours} == {200}
    assert {api.get("/health", headers={"Host": host}).status_code for host in others} == {400}
    refusal = api.get("/health", headers={"Host": "evil.example"})
    assert refusal.json() == {"detail": "the Host header names another server"}
    assert "content-security-policy" in refusal.headers


def test_with_a_key_everything_but_probes_requires_it(locked):
    paths = (
        "/health",
        "/ready",
        "/metrics",
        "/",
        "/docs",
        "/openlocked.json",
        "/reports/",
        "/alerts",
        "/console",
        "/nothing",
    )
    assert [path for path in paths if locked.get(path).status_code != 401] == [
        "/health",
        "/ready",
        "/metrics",
    ]
    assert locked.post("/predict", json=PAYMENT).status_code == 401
    assert locked.post("/predict", json=PAYMENT, headers={"X-API-Key": "secre"}).status_code == 401
    assert locked.post("/predict", json=PAYMENT, headers={"X-API-Key": "secret"}).status_code == 200


@pytest.mark.parametrize("key", ["", 15 * "k"])
def test_other_machines_are_served_only_with_a_long_key(monkeypatch, key):
    monkeypatch.setenv("FRAUD_API_KEY", key)
    with pytest.raises(
        CommandError,
        match=r"^--host 0.0.0.0 is reachable by others: set FRAUD_API_KEY .+"
        r" openssl rand -hex 16 prints$",
    ):
        serve(host="0.0.0.0")


def test_a_key_of_sixteen_characters_is_long_enough(monkeypatch):
    monkeypatch.setenv("FRAUD_API_KEY", 16 * "k")
    with pytest.raises(CommandError, match="--rate-limit"):  # the next thing that is looked at
        serve(host="0.0.0.0", rate_limit="often")


def test_a_login_lasts_twelve_hours(locked, clock):
    asked = locked.get("/docs", headers={"Accept": "text/html"})
    assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=/docs")
    assert locked.post("/login", data={"key": "wrong", "next": "/docs"}).status_code == 401
    entered = locked.post("/login", data={"key": "secret", "next": "/docs"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/docs")
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "secret" not in cookie
    assert "Secure" not in cookie
    assert locked.get("/docs").status_code == 200
    clock.now += timedelta(hours=12)
    assert locked.get("/docs").status_code == 401


def test_the_session_cookie_is_secure_behind_a_tls_proxy(client):
    entered = client(key="secret").post(
        "/login", data={"key": "secret"}, headers={"Origin": HERE.replace("http:", "https:")}
    )
    assert (entered.status_code, "Secure" in entered.headers["set-cookie"]) == (303, True)


def test_a_logout_ends_the_session_in_this_browser(locked):
    locked.post("/login", data={"key": "secret"})
    assert 'action="/logout"' in locked.get("/console").text
    left = locked.post("/logout")
    assert (left.status_code, left.headers["location"]) == (303, "/login")
    assert locked.get("/docs").status_code == 401
    assert locked.post("/logout").status_code == 401


def test_a_page_of_another_origin_cannot_log_an_analyst_out(locked):
    locked.post("/login", data={"key": "secret"})
    assert locked.post("/logout", headers={"Origin": "http://evil.example"}).status_code == 403
    assert locked.get("/logout").status_code == 405
    assert locked.get("/docs").status_code == 200


def test_without_a_key_there_is_nothing_to_log_out_of(client):
    assert client().post("/logout").status_code == 404
    assert "/logout" not in client().get("/console").text


def test_an_unsigned_session_is_refused(locked):
    for session in ("", ".", "9999999999.", "9999999999.00", "ä.b"):
        assert (
            locked.get("/docs", headers={"Cookie": f"{COOKIE}={session}".encode()}).status_code
            == 401
        )


def test_the_login_never_redirects_to_another_site(locked):
    for elsewhere in (
        "//evil.example",
        "http://evil.example",
        "//[",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\r\nb",
        '"><b>',
    ):
        assert (
            locked.post("/login", data={"key": "secret", "next": elsewhere}).headers["location"]
            == "/"
        )
        assert 'name="next" value="/"' in locked.get("/login", params={"next": elsewhere}).text


def test_pages_may_run_only_scripts_of_this_server(client):
    for path in ("/", "/nothing", "/reports/"):
        policy = client().get(path).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
    assert "script-src 'self' 'sha256-" in client().get("/docs").headers["content-security-policy"]


def test_reports_are_listed_and_sandboxed(client, tmp_path):
    report = tmp_path / "reports" / "a.predictions" / "<b>.html"
    report.parent.mkdir(parents=True)
    report.write_text("<script>1</script>")
    (tmp_path / "secret").write_text("secret")
    api = client()
    index = api.get("/reports/").text
    assert '<a href="a.predictions/%3Cb%3E.html">a.predictions/&lt;b&gt;.html</a>' in index
    answer = api.get("/reports/a.predictions/%3Cb%3E.html")
    assert answer.text == "<script>1</script>"
    assert answer.headers["content-security-policy"].startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in answer.headers["content-security-policy"]
    assert api.get("/reports/%2e%2e/secret").status_code == 404


def test_an_index_of_reports_runs_no_scripts_and_keeps_the_session(client, tmp_path):
    """A link on a sandboxed page is cross-site, so the browser would not send the session."""
    folder = tmp_path / "reports" / "predictions"
    update_folder(ReportFolder(folder, [], keep=1))
    (folder / "window-1-index.html").touch()
    policies = [
        client().get(f"/reports/predictions/{name}").headers["content-security-policy"]
        for name in (INDEX, "window-1-index.html")
    ]
    index, report = [
        dict(part.strip().partition(" ")[::2] for part in policy.split(";")) for policy in policies
    ]
    assert "sandbox" not in index
    names = ("default-src", "script-src", "form-action", "base-uri")
    assert [index.get(name) for name in names] == ["'none'", None, "'none'", "'none'"]
    assert report["sandbox"] == "allow-scripts allow-popups"


def test_before_the_first_report_the_list_is_empty(client, tmp_path):
    api = client()
    assert "No reports yet" in api.get("/reports/").text
    assert api.get("/reports/a.html").status_code == 404
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "a.html").write_text("first")
    assert api.get("/reports/a.html").text == "first"


def test_the_reports_open_at_the_index_of_the_monitor(client, tmp_path):
    folder = tmp_path / "reports"
    (folder / "predictions").mkdir(parents=True)
    (folder / "predictions" / "by-hand.html").touch()
    update_folder(ReportFolder(folder, [], keep=1))
    opened = client().get("/reports/", follow_redirects=False)
    assert (opened.status_code, opened.headers["location"]) == (307, "/reports/index.html")
    assert "by-hand.html" in client().get("/reports/?all").text


def test_the_list_of_reports_skips_removed_files(client, tmp_path):
    (tmp_path / "reports").mkdir()
    for seconds, name in enumerate(("old", "new")):
        path = tmp_path / "reports" / f"{name}.html"
        path.touch()
        os.utime(path, (seconds, seconds))
    (tmp_path / "reports" / "gone.html").symlink_to("nowhere")
    page = client().get("/reports/").text
    assert re.findall('<a href="(.+?)"', page) == ["new.html", "old.html"]


def test_requests_are_counted_by_handler_and_status(client):
    api = client()
    api.post("/predict", json=PAYMENT)
    api.post("/predict", json={})
    api.get("/no/such/page")
    api.post("/predict", json=PAYMENT, headers={"Origin": "http://evil.example"})
    page = api.get("/metrics").text
    for status in (200, 422, 403):
        assert (
            f'http_requests_total{{handler="/predict",method="POST",status="{status}"}} 1.0' in page
        )
    assert 'http_requests_total{handler="none",method="GET",status="404"} 1.0' in page
    assert (
        'http_request_duration_seconds_bucket{handler="/predict",le="0.02",method="POST",'
        'status="200"}' in page
    )


def test_no_request_adds_a_metric_series(client):
    api = client()

    def series(seed):
        paths = [
            "/",
            "/predict",
            "/docs/assets/",
            "/reports/",
            "/console/static/",
            "/alerts/",
            "/alerts/t/label/",
        ]
        for path in [
            *paths,
            *(f"{path}{seed}" for path in paths),
            f"/predict?{seed}={seed}",
            f"/%0a{seed}",
        ]:
            for method in ("GET", "POST", f"BREW{seed}"):
                api.request(
                    method,
                    path,
                    json={f"field {seed}": seed},
                    headers={"User-Agent": f"agent {seed}"},
                )
        return len(re.findall("^[^#]", api.get("/metrics").text, re.MULTILINE))

    series(0)  # the second answer of /metrics is the first to count /metrics itself
    assert {series(seed) for seed in range(1, 5)} == {series(5)}


def test_the_openapi_schema_declares_the_key_for_operations_that_require_it(client):
    open_page = client().get("/openapi.json").json()
    assert "securitySchemes" not in open_page["components"]
    page = client(key="secret").get("/openapi.json", headers={"X-API-Key": "secret"}).json()
    assert page["paths"]["/predict"]["post"]["security"] == [{"key": []}, {"session": []}]
    assert "security" not in page["paths"]["/health"]["get"]
    schema = page["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"][
        "schema"
    ]
    assert schema["required"] == list(INPUTS)
    assert schema["properties"]["Amount"]["minimum"] == 0

"""The webhook that Alertmanager tells: alerts as they begin and end."""

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Alert = Mapping[str, Any]
"""An entry of `alerts` in https://prometheus.io/docs/alerting/latest/configuration/#webhook_config"""


def serve(port: int, told: Callable[[Alert], None]) -> ThreadingHTTPServer:
    """Listens on 127.0.0.1 from a thread of its own, until `shutdown`. Raises OSError when the port is taken."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """One notification: a group of alerts."""
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for alert in message["alerts"]:
                told(alert)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Notifications are told, not logged."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, name="webhook", daemon=True).start()
    return server


def format_alert(alert: Alert) -> str:
    """An alert in one line: since when, how bad, what, and where it says what to do."""
    labels, notes = alert["labels"], alert["annotations"]
    state = labels["severity"].upper() if alert["status"] == "firing" else "over"
    return f"{alert['startsAt'][:19]}  {state:8}  {labels['alertname']}: {notes['description']}  ({notes['runbook_url']})"

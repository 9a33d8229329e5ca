"""A webhook that receives Alertmanager's alerts as they start and end."""

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Alert = Mapping[str, Any]
"""An entry of `alerts` in https://prometheus.io/docs/alerting/latest/configuration/#webhook_config"""


def serve(port: int, on_alert: Callable[[Alert], None]) -> ThreadingHTTPServer:
    """Listen on 127.0.0.1 in a thread until `shutdown`. Raises OSError if the port is in use."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Receive a notification, which groups alerts."""
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for alert in message["alerts"]:
                on_alert(alert)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the base class
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, name="webhook", daemon=True).start()
    return server


def format_alert(alert: Alert) -> str:
    """Return an alert as one line: start, severity, name, description and runbook."""
    labels = alert["labels"]
    notes = alert["annotations"]
    state = labels["severity"].upper() if alert["status"] == "firing" else "over"
    return (
        f"{alert['startsAt'][:19]}  {state:8}  {labels['alertname']}: "
        f"{notes['description']}  ({notes['runbook_url']})"
    )

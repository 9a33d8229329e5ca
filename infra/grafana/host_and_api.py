"""Dashboard Host and API: the machine, the HTTP API and the drift verdict."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from infra.grafana.frame import Panels, choice, dashboard
from infra.grafana.panels import THIRD, above, below, lines, number, query, verdict

_NODE = 'instance=~"$node"'
# clients' requests, not monitoring
_HANDLER = 'handler=~"$handler", handler!~"/metrics|/health|/ready"'
_FILES = f'{_NODE}, fstype!~"tmpfs|ramfs|squashfs"'  # as in the alert DiskSpaceLow
_OURS = 'job=~"scorer|monitor|api"'


def build() -> Dashboard:
    """Return the dashboard."""
    return dashboard(
        "Host and API",
        "fraud-host-and-api",
        "The machine, the HTTP API and the drift verdict.",
        [
            choice("node", "Machine", 'label_values(up{job="node"}, instance)'),
            choice("handler", "Path", "label_values(http_requests_total, handler)"),
        ],
        {"Drift": _drift(), "API": _api(), "Host": _host(), "Processes": _processes()},
    )


def _drift() -> Panels:
    return [
        number(
            "Drift detected",
            "The verdict on the last window.",
            "none",
            query("max(data_drift_detected)"),
            above(0.5, 1),
        )
        .mappings([verdict()])
        .span(THIRD),
        number(
            "Drift score",
            "Share of features over their threshold in the last window.",
            "percentunit",
            query("max(data_drift_score)"),
        ).span(THIRD),
        number(
            "Requests in total",
            "Requests answered since the API started, except probes and scrapes.",
            "short",
            query(f"sum(http_requests_total{{{_HANDLER}}})"),
        ).span(THIRD),
    ]


def _api() -> Panels:
    mean = " / ".join(
        "sum by (handler) "
        f"(rate(http_request_duration_seconds_{part}{{{_HANDLER}}}[$__rate_interval]))"
        for part in ("sum", "count")
    )
    return [
        lines(
            "Requests by status",
            "Requests per second. 4xx: the client's error. 429: over its limit. 5xx: our error.",
            "reqps",
            query(
                f"sum by (status) (rate(http_requests_total{{{_HANDLER}}}[$__rate_interval]))",
                "{{status}}",
            ),
            stacked=True,
        ),
        lines(
            "Mean response time",
            "By path. Dashed: the objective of the stream, and ten times it.",
            "s",
            query(mean, "{{handler}}"),
            limits=above(0.1, 1),
        ),
    ]


def _host() -> Panels:
    return [
        lines(
            "Free memory",
            "Memory available to programs. Red: under 256 MB. Orange: under 1 GB, Kafka's heap.",
            "bytes",
            query(f"node_memory_MemAvailable_bytes{{{_NODE}}}", "{{instance}}"),
            limits=below(256 * 2**20, 2**30),
        ).span(THIRD),
        lines(
            "Free disk",
            "Free share of each file system. Red: DiskSpaceLow.",
            "percentunit",
            query(
                f"node_filesystem_avail_bytes{{{_FILES}}} / node_filesystem_size_bytes",
                "{{mountpoint}}",
            ),
            limits=below(0.1, 0.2),
        )
        .span(THIRD)
        .max(1),
        lines(
            "CPU seconds",
            "CPU seconds per second on all cores, by mode. iowait: a disk is the bottleneck.",
            "none",
            query(
                "sum by (mode) "
                f'(rate(node_cpu_seconds_total{{{_NODE}, mode!="idle"}}[$__rate_interval]))',
                "{{mode}}",
            ),
            stacked=True,
        ).span(THIRD),
    ]


def _processes() -> Panels:
    return [
        lines(
            "Memory of our processes",
            "Resident memory. A line that only rises is a leak.",
            "bytes",
            query(f"process_resident_memory_bytes{{{_OURS}}}", "{{job}} {{instance}}"),
        ),
        lines(
            "CPU of our processes",
            "CPU seconds per second. A worker at 1 is at its limit.",
            "none",
            query(
                f"rate(process_cpu_seconds_total{{{_OURS}}}[$__rate_interval])",
                "{{job}} {{instance}}",
            ),
        ),
    ]

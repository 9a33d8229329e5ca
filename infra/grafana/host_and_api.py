"""Dashboard Host and API: the machine, the HTTP interface, and the verdict on drift beside them."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from infra.grafana.frame import Panels, choice, dashboard
from infra.grafana.panels import THIRD, above, below, lines, number, query, verdict

_NODE = 'instance=~"$node"'
_HANDLER = (
    'handler=~"$handler", handler!~"/metrics|/health|/ready"'  # what clients ask, not what watches
)
_FILES = f'{_NODE}, fstype!~"tmpfs|ramfs|squashfs"'  # as in the alert DiskSpaceLow
_OURS = 'job=~"scorer|monitor|api"'


def build() -> Dashboard:
    """The dashboard as it is provisioned."""
    return dashboard(
        "Host and API",
        "fraud-host-and-api",
        "The machine, the HTTP interface and the verdict on drift.",
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
        .mappings([verdict(bad=1)])
        .span(THIRD),
        number(
            "Drift score",
            "Share of features over their threshold in the last window.",
            "percentunit",
            query("max(data_drift_score)"),
        ).span(THIRD),
        number(
            "Requests in total",
            "Answered since the API started, but probes and scrapes.",
            "short",
            query(f"sum(http_requests_total{{{_HANDLER}}})"),
        ).span(THIRD),
    ]


def _api() -> Panels:
    mean = " / ".join(
        f"sum by (handler) (rate(http_request_duration_seconds_{part}{{{_HANDLER}}}[$__rate_interval]))"
        for part in ("sum", "count")
    )
    return [
        lines(
            "Requests by status",
            "Requests a second. 4xx: a client. 429: over its limit. 5xx: ours.",
            "reqps",
            query(
                f"sum by (status) (rate(http_requests_total{{{_HANDLER}}}[$__rate_interval]))",
                "{{status}}",
            ),
            stacked=True,
        ),
        lines(
            "Mean response time",
            "By path. Lines across: the objective of the stream, and ten times it.",
            "s",
            query(mean, "{{handler}}"),
            limits=above(0.1, 1),
        ),
    ]


def _host() -> Panels:
    return [
        lines(
            "Free memory",
            "What programs can still have. Red under 256 MB, orange under 1 GB: less than Kafka's heap.",
            "bytes",
            query(f"node_memory_MemAvailable_bytes{{{_NODE}}}", "{{instance}}"),
            limits=below(256 * 2**20, 2**30),
        ).span(THIRD),
        lines(
            "Free disk",
            "Share of each file system that is free. Red: DiskSpaceLow.",
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
            "Seconds of processor used a second, all cores together, by what for. iowait: a disk is the limit.",
            "none",
            query(
                f'sum by (mode) (rate(node_cpu_seconds_total{{{_NODE}, mode!="idle"}}[$__rate_interval]))',
                "{{mode}}",
            ),
            stacked=True,
        ).span(THIRD),
    ]


def _processes() -> Panels:
    return [
        lines(
            "Memory of our processes",
            "Resident. A line that only rises is a leak.",
            "bytes",
            query(f"process_resident_memory_bytes{{{_OURS}}}", "{{job}} {{instance}}"),
        ),
        lines(
            "CPU of our processes",
            "Seconds of processor used a second. A worker at 1 has no more to give.",
            "none",
            query(
                f"rate(process_cpu_seconds_total{{{_OURS}}}[$__rate_interval])",
                "{{job}} {{instance}}",
            ),
        ),
    ]

"""Dashboard Host and API: the machine, the HTTP API and the drift verdict."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from infra.grafana.frame import Panels, make_choice, make_dashboard
from infra.grafana.panels import (
    THIRD,
    draw_lines,
    draw_number,
    limit_above,
    limit_below,
    map_verdict,
    query,
)

_NODE = 'instance=~"$node"'
# clients' requests, not monitoring
_HANDLER = 'handler=~"$handler", handler!~"/metrics|/health|/ready"'
_FILES = f'{_NODE}, fstype!~"tmpfs|ramfs|squashfs"'  # as in the alert DiskSpaceLow
_OURS = 'job=~"scorer|monitor|api"'


def build() -> Dashboard:
    """Return the dashboard."""
    return make_dashboard(
        "Host and API",
        "fraud-host-and-api",
        "The machine, the HTTP API and the drift verdict.",
        [
            make_choice("node", "Machine", 'label_values(up{job="node"}, instance)'),
            make_choice("handler", "Path", "label_values(http_requests_total, handler)"),
        ],
        {
            "Drift": _show_drift(),
            "API": _show_api(),
            "Host": _show_host(),
            "Processes": _show_processes(),
        },
    )


def _show_drift() -> Panels:
    return [
        draw_number(
            "Drift detected",
            "The verdict on the last window.",
            "none",
            query("max(data_drift_detected)"),
            limit_above(0.5, 1),
        )
        .mappings([map_verdict()])
        .span(THIRD),
        draw_number(
            "Drift score",
            "Share of features over their threshold in the last window, 0 to 1.",
            "none",
            query("max(data_drift_score)"),
        )
        .decimals(3)
        .span(THIRD),
        draw_number(
            "Requests in total",
            "Requests answered since the API started, except probes and scrapes.",
            "short",
            query(f"sum(http_requests_total{{{_HANDLER}}})"),
        ).span(THIRD),
    ]


def _show_api() -> Panels:
    mean = " / ".join(
        "sum by (handler) "
        f"(rate(http_request_duration_seconds_{part}{{{_HANDLER}}}[$__rate_interval]))"
        for part in ("sum", "count")
    )
    return [
        draw_lines(
            "Requests by status",
            "Requests per second. 4xx: the client's error. 429: over its limit. 5xx: our error.",
            "reqps",
            query(
                f"sum by (status) (rate(http_requests_total{{{_HANDLER}}}[$__rate_interval]))",
                "{{status}}",
            ),
            stacked=True,
        ),
        draw_lines(
            "Mean response time",
            "By path. Dashed: the objective of the stream, and ten times it.",
            "s",
            query(mean, "{{handler}}"),
            limits=limit_above(0.1, 1),
        ),
    ]


def _show_host() -> Panels:
    return [
        draw_lines(
            "Free memory",
            "Memory available to programs. Red: under 256 MB. Orange: under 1 GB, Kafka's heap.",
            "bytes",
            query(f"node_memory_MemAvailable_bytes{{{_NODE}}}", "{{instance}}"),
            limits=limit_below(256 * 2**20, 2**30),
        ).span(THIRD),
        draw_lines(
            "Free disk",
            "Free share of each file system. Red: DiskSpaceLow.",
            "percentunit",
            query(
                f"node_filesystem_avail_bytes{{{_FILES}}} / node_filesystem_size_bytes",
                "{{mountpoint}}",
            ),
            limits=limit_below(0.1, 0.2),
        )
        .span(THIRD)
        .max(1),
        draw_lines(
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


def _show_processes() -> Panels:
    return [
        draw_lines(
            "Memory of our processes",
            "Resident memory. A line that only rises is a leak.",
            "bytes",
            query(f"process_resident_memory_bytes{{{_OURS}}}", "{{job}} {{instance}}"),
        ),
        draw_lines(
            "CPU of our processes",
            "CPU seconds per second. A worker at 1 is at its limit.",
            "none",
            query(
                f"rate(process_cpu_seconds_total{{{_OURS}}}[$__rate_interval])",
                "{{job}} {{instance}}",
            ),
        ),
    ]

"""Evidently's numbers, as shown in a report."""

from typing import NamedTuple

from drift.reports.evidently_report import ReportRequest, measure_drift


class Findings(NamedTuple):
    """`share` of drifted columns, and Evidently's drift value by column."""

    share: float
    values: dict[str, float]


def findings(request: ReportRequest) -> Findings:
    results = measure_drift(request).metric_results.values()
    share = next(result.share.value for result in results if hasattr(result, "share"))
    values = {
        result.metric_value_location.metric.params["column"]: float(result.value)
        for result in results
        if hasattr(result, "value")
    }
    return Findings(float(share), values)

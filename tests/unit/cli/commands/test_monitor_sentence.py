"""The line that `fraud monitor` prints for a window."""

import pytest
from support.data.drifting import COLUMNS
from support.data.windows import make_window

from benchmarks.drift import categories as shop
from cli.commands.monitor import _format_event


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "no drift"),
        ({"score": 0.5, "detected": True}, "DRIFT"),
        ({"detected": True, "tail": 1.5}, "DRIFT in the tail of the scores"),
        ({"score": 0.5, "detected": True, "tail": 1.5}, "DRIFT"),
        (
            {"detected": True, "stuck": {"V1": 0.5, "V4": 3.0, "V9": 1.0}},
            "DRIFT, V4, V9 stuck at one value",
        ),
    ],
)
def test_a_verdict_names_the_test_if_no_distance_drifted(changes, verdict):
    fields = {"distances": {"V1": 0.1, "V4": 0.25}, "severity": "ok", "tail": 0.5}
    window = make_window(7, **(fields | changes))
    assert _format_event(window, COLUMNS.units) == (
        f"window 7: 5,000 events, {verdict}, score {window.score:.3f}, "
        "largest distance 0.25 sd (V4), severity ok"
    )


def test_a_window_without_a_verdict_says_so():
    assert _format_event(make_window(7, detected=None, partial=True), COLUMNS.units) == (
        "window 7 (partial): 5,000 events, too few for a verdict"
    )


def test_the_distance_of_a_category_is_a_share_of_the_payments():
    distances = {"amount": 0.1, "channel": 0.25}
    window = make_window(7, detected=True, score=0.1, distances=distances, severity="warn")
    line = _format_event(window, shop.COLUMNS.units)
    assert "largest distance 0.25 of the payments (channel)" in line

"""The demo's summary leads with what was caught, and explains what is unusual."""

from dataclasses import replace
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import average_precision_score
from support.data.windows import make_window

from cli.commands.demo.caught import measure_caught
from cli.commands.demo.summary import Summary
from model.manifest import Capacity
from payments.contract import DECISIONS
from streams.ledger.reconcile import Audit

FRAUD = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], np.int8)
SCORES = np.array([0.9, 0.8, 0.3, 0.1, 0.7, 0.02, 0.01, 0.0, 0.0, 0.0])


@pytest.fixture
def caught(model):
    reader = SimpleNamespace(
        decisions=np.where(SCORES >= 0.5, DECISIONS.index("review"), DECISIONS.index("approve")),
        probabilities=SCORES,
        amounts=np.arange(1.0, 11.0),
    )
    return measure_caught(reader, FRAUD, model)


@pytest.fixture
def summary(caught):
    return Summary(
        run="demo-1",
        audit=Audit(sent=10, scored=10),
        alerts=3,
        offered_per_second=2000.0,
        achieved_per_second=2000.0,
        end_to_end_seconds={"p50": 0.01, "p95": 0.02, "p99": 0.03},
        caught=caught,
        windows=[make_window(1), make_window(2, score=0.034)],
        addresses={"console": "http://127.0.0.1:8000/console"},
        load=0.5,
        cores=2,
    )


def lines(summary):
    console = Console(file=StringIO(), width=200)
    summary.show(console)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def test_what_was_caught_is_counted_from_the_labels(caught, model):
    assert (caught.frauds, caught.flagged, caught.frauds_flagged) == (4, 3, 2)
    assert (caught.precision, caught.recall) == (2 / 3, 0.5)
    assert (caught.money, caught.money_flagged) == (10.0, 3.0)
    assert caught.alerts_per_day == pytest.approx(3 * model.manifest.payments_per_day / 10)
    assert caught.average_precision == pytest.approx(average_precision_score(FRAUD, SCORES))
    assert [(point.rows, point.caught) for point in caught.trade_off] == [(2, 2), (3, 2), (6, 4)]


def test_without_labels_nothing_is_claimed(model):
    none = SimpleNamespace(
        decisions=np.full(3, -1), probabilities=np.full(3, np.nan), amounts=np.full(3, np.nan)
    )
    caught = measure_caught(none, np.full(3, -1, np.int8), model)
    assert (caught.recall, caught.precision, caught.alerts_per_day) == (None, None, None)
    assert (caught.average_precision, caught.trade_off) == (None, [])


def test_the_frauds_caught_come_first(summary, model):
    text = lines(summary)
    rows = [line for line in text if line.startswith("\N{BOX DRAWINGS LIGHT VERTICAL}")]
    assert "caught │ 2 of 4 │ frauds; recall 0.500, precision 0.667 (2 of 3 alerts)" in rows[0]
    assert "money │ 3.00 │ of 10.00 in frauds" in rows[1]
    expected = [cut.alerts_per_day for cut in model.manifest.cuts]
    assert f"expected {np.mean(expected):.0f} ({min(expected):.0f} to" in rows[2]
    assert "2 or 4 │ frauds with half (2) or twice (6) the alerts" in rows[4]
    assert "fraud threshold --review-probability" in rows[5]


def test_a_budget_shows_what_was_asked_and_used(summary):
    asked = replace(summary.caught, budget=2 * summary.caught.alerts_per_day)
    shown = next(line for line in lines(replace(summary, caught=asked)) if "alerts │" in line)
    assert f"asked {asked.budget:g}, used 50% (3 of 6)" in shown


def test_no_drift_is_one_line_and_drift_shows_its_windows(summary):
    calm = lines(summary)
    assert any("drift │ none │ in 2 windows, score 0.000 to 0.034" in line for line in calm)
    assert not any("no drift" in line for line in calm)
    third = make_window(3, detected=True, score=0.4)
    drifted = lines(replace(summary, windows=[*summary.windows, third]))
    assert any("drift │ 1 of 3 │ windows drifted, score 0.000 to 0.400" in one for one in drifted)
    assert sum("no drift" in line for line in drifted) == 2


@pytest.mark.parametrize(
    ("p99", "load", "why"),
    [
        (0.1, 9.0, None),
        (0.2, 9.0, "the machine was busy (load 9.0 on 2 cores)"),
        (0.2, 1.0, "the system was still warming up"),
    ],
)
def test_a_latency_over_the_objective_says_why(summary, p99, load, why):
    slow = summary.end_to_end_seconds | {"p99": p99}
    text = "\n".join(lines(replace(summary, end_to_end_seconds=slow, load=load)))
    assert ("over the objective of 100 ms" in text) == (why is not None)
    assert why is None or why in text


def test_a_budget_is_that_of_the_policy(model):
    manifest = model.manifest
    limits = manifest.policy.model_copy(update={"review": Capacity(alerts_per_day=70)})
    assert manifest.budget is None
    assert manifest.model_copy(update={"policy": limits}).budget == 70

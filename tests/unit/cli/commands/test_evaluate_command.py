"""`fraud evaluate`: sentences, JSON, page and card; fitted rows are refused by content."""

import html
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import average_precision_score
from support.data import labelled
from support.data.transactions import CREDITCARD, ENCODER

from model import dataset, publish
from model.artefact import CARD, Model, compute_probabilities
from model.evaluation import baselines
from model.training import pipeline

METRICS = ("auprc", "roc_auc", "recall_at_fpr_1pct", "recall_at_precision_90", "brier")


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    """The training file; its last 800 rows are the test part."""
    path = tmp_path_factory.mktemp("data") / "rows.csv"
    rows = labelled.rows()
    rows.loc[3900, list(ENCODER.names)] = rows.loc[
        10, list(ENCODER.names)
    ]  # a payment that repeats a fitted one
    rows.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def models(csv, tmp_path_factory):
    folder = tmp_path_factory.mktemp("home") / "models"
    publish.save(pipeline.train(dataset.read_for_training(csv, CREDITCARD)), folder)
    return folder


@pytest.fixture
def fraud(models, csv, monkeypatch, run_fraud):
    monkeypatch.setenv("FRAUD_HOME", str(models.parent))
    monkeypatch.setenv("FRAUD_DATA", str(csv))
    monkeypatch.delenv("FRAUD_MODEL_DIR", raising=False)
    return replace(run_fraud, first=("evaluate",))


@pytest.fixture
def run_evaluate(fraud):
    return fraud.read_json


def other(tmp_path, rows):
    path = tmp_path / "other.csv"
    rows.to_csv(path, index=False)
    return path


def test_the_test_part_is_evaluated(run_evaluate, models, csv):
    found = run_evaluate()
    model = Model.load(models / "latest", CREDITCARD)
    test = dataset.read(csv, ENCODER)[3200:]
    scores = compute_probabilities(model.compute_margins(dataset.make_matrix(test, ENCODER)))
    assert found["test"]["auprc"]["value"] == pytest.approx(
        average_precision_score(test["Class"], scores)
    )
    assert found["folds"]["auprc"] == [fold.average_precision for fold in model.manifest.folds]
    assert {"rows": 800, "is_test_part": True, "seen": 0, "twins": 1}.items() <= found[
        "data"
    ].items()
    assert found["at_capacity"]["flagged"] == (scores >= model.thresholds.review).sum()
    assert found["at_capacity"]["capacity"]["rows"] == found["at_capacity"]["flagged"]
    assert found["data"]["days"] == pytest.approx(800 / model.manifest.payments_per_day)
    assert [point["rows"] for point in found["trade_off"]] == pytest.approx(
        [times * found["at_capacity"]["flagged"] for times in (0.5, 1, 2)], abs=1
    )
    assert found["without_twins"]["rows"] == 799
    for name in METRICS:
        assert (
            found["test"][name]["low"]
            <= found["test"][name]["value"]
            <= found["test"][name]["high"]
        ), name


def test_precision_and_recall_with_their_counts_come_first(fraud, run_evaluate):
    at_capacity = run_evaluate()["at_capacity"]
    first = fraud.succeed().splitlines()[0]
    assert first.startswith(f"At p >= 0.2: precision {at_capacity['precision']['value']:.4f} (")
    assert (
        f"{at_capacity['caught']} frauds among {at_capacity['flagged']} alerts; "
        f"recall {at_capacity['recall']['value']:.4f}" in first
    )
    assert f"{at_capacity['caught']} of {at_capacity['frauds']} frauds" in first


def test_every_number_is_also_given_without_duplicates(run_evaluate, models, csv):
    found = run_evaluate()
    model, rows = Model.load(models / "latest", CREDITCARD), dataset.read(csv, ENCODER)
    rest = rows[3200:].drop(index=3900)  # the repeated payment
    fraud, flagged = (
        rest["Class"] == 1,
        compute_probabilities(model.compute_margins(dataset.make_matrix(rest, ENCODER)))
        >= model.thresholds.review,
    )
    caught = (fraud & flagged).sum()
    without = found["without_twins"]
    assert set(without) - {"rows", "frauds", "days"} == set(found) - {
        "model",
        "data",
        "budget",
        "expected",
        "folds",
        "without_twins",
        "baselines",
        "page",
    }
    assert set(without["at_capacity"]) == set(found["at_capacity"])
    assert without["at_capacity"]["flagged"] == flagged.sum()
    assert without["at_capacity"]["precision"]["value"] == pytest.approx(caught / flagged.sum())
    assert without["at_capacity"]["recall"]["value"] == pytest.approx(caught / fraud.sum())
    assert without["money"]["frauds"] == pytest.approx(rest["Amount"][fraud].sum())
    assert without["money"]["caught"] == pytest.approx(rest["Amount"][fraud & flagged].sum())


def test_the_table_has_each_number_with_and_without_duplicates(fraud, run_evaluate):
    found = run_evaluate()
    columns = [
        [found[part] for part in ("at_capacity", "block")],
        [found["without_twins"][part] for part in ("at_capacity", "block")],
    ]
    lines = [" ".join(line.split()) for line in fraud.succeed().splitlines()]
    page = html.unescape(Path(found["page"]).read_text())
    for number, title in (
        ("precision", "precision at"),
        ("recall", "recall at"),
        ("money", "share of the frauds' money at"),
    ):
        expected = [f"{review[number]['value']:.4f} (" for review, _ in columns]
        (line,) = [line for line in lines if line.startswith(f"{title} review ")]
        assert re.search(".*".join(map(re.escape, expected)), line), line
        (cells,) = re.findall(
            f"<td>{re.escape(title)} review</td><td>(.*?)</td><td>(.*?)</td>", page
        )
        assert [cell.startswith(value) for cell, value in zip(cells, expected, strict=True)] == [
            True,
            True,
        ]
    blocked = ", ".join(f"{block['caught']} of {block['flagged']}" for _, block in columns)
    assert blocked == ", ".join(
        re.findall(
            r"\d+ of \d+", next(line for line in lines if line.startswith("precision at block "))
        )
    )
    raised = " ".join(f"{review['alerts_a_day']:.0f}" for review, _ in columns)
    assert f"alerts raised a day {raised}" in lines


class Loads(HTMLParser):
    """Collects what a page would load, and the text of its headings, cells and paragraphs."""

    def __init__(self):
        super().__init__()
        self.loaded, self.texts, self._tag = [], [], ""

    def handle_starttag(self, tag, attributes):
        self._tag = tag
        self.loaded += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data):
        if self._tag in ("h2", "td", "p"):
            self.texts.append(data.strip())


def test_the_page_contains_the_numbers_and_loads_nothing(run_evaluate, models):
    found = run_evaluate()
    page = Path(found["page"])
    assert page.parent == models.parent / "evaluation"
    parsed = Loads()
    parsed.feed(page.read_text())
    assert parsed.loaded == []
    assert {"Metrics", "Alerts a day and recall", "Curves", "Money", "Scores"} <= set(parsed.texts)
    assert any(text.startswith(f"{found['test']['auprc']['value']:.4f} (") for text in parsed.texts)
    assert len(re.findall(r"Plotly\.newPlot\(", page.read_text())) >= 6


def test_each_file_has_its_own_page(run_evaluate, tmp_path):
    rows = labelled.rows(100, seed=8)
    paths = [tmp_path / name for name in ("test.csv", "test-part.csv", "other/test.csv")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        rows.to_csv(path, index=False)
    pages = [run_evaluate()["page"], *(run_evaluate("--data", path)["page"] for path in paths)]
    assert len(set(pages)) == 4
    assert pages[0].endswith("-test-part.html")
    assert run_evaluate("--data", paths[0])["page"] == pages[1]


def test_the_card_says_that_the_test_part_was_opened(run_evaluate, models):
    found = run_evaluate()
    folder = models / found["model"]
    card = (folder / CARD).read_text()
    assert f"| average precision | {found['test']['auprc']['value']:.4f} (" in card
    assert f"for model {found['model']}" in card
    assert card.count("## Test part") == 1
    assert "Not opened" not in card
    run_evaluate()
    assert (folder / CARD).read_text() == card
    assert Model.load(folder, CREDITCARD).version == found["model"]


def test_evaluating_another_file_does_not_change_the_card(run_evaluate, models, tmp_path):
    card = models / "latest" / CARD
    before = card.read_text()
    found = run_evaluate("--data", other(tmp_path, labelled.rows(600, seed=8)))
    assert {"rows": 600, "is_test_part": False, "seen": 0}.items() <= found["data"].items()
    assert card.read_text() == before


@pytest.mark.parametrize("moved", [0.0, 5000.5])
def test_fitted_rows_in_another_file_are_refused(fraud, run_evaluate, csv, tmp_path, moved):
    rows = dataset.read(csv, ENCODER)[200:500]
    path = other(tmp_path, rows.assign(Time=rows["Time"] + moved))
    said = f"fraud: the model was fitted on 300 of the 300 rows of {path}"
    assert fraud.fail("--data", path).startswith(said)
    assert run_evaluate("--data", path, "--allow-seen")["data"]["seen"] == 300


def test_a_single_fitted_row_among_others_is_refused(fraud, csv, tmp_path):
    rows = pd.concat([labelled.rows(600, seed=8), dataset.read(csv, ENCODER)[7:8]]).sort_values(
        "Time"
    )
    error = fraud.fail("--data", other(tmp_path, rows))
    assert "fitted on 1 of the 601 rows" in error


def test_only_the_test_part_of_the_training_file_is_evaluated(run_evaluate, csv, monkeypatch):
    monkeypatch.setenv("FRAUD_DATA", "/nowhere.csv")
    found = run_evaluate("--data", csv)
    assert found["data"]["rows"] == 800
    assert found["data"]["seen"] == 0


def test_the_whole_file_is_evaluated_only_if_seen_rows_are_allowed(run_evaluate, csv):
    assert run_evaluate("--data", csv, "--allow-seen")["data"]["rows"] == 4_000


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("count", [1, 40])
def test_a_single_class(fraud, run_evaluate, tmp_path, label, count):
    path = other(tmp_path, labelled.rows(count, seed=8).assign(Class=label))
    found = run_evaluate("--data", path)
    assert found["test"]["roc_auc"]["value"] is None
    assert (found["test"]["auprc"]["value"] is None) == (label == 0)
    assert found["test"]["brier"]["value"] is not None
    assert ("no fraud among" in fraud.succeed("--data", path)) == (label == 0)


def test_a_file_other_than_the_training_file_is_refused_in_one_line(
    fraud, models, tmp_path, monkeypatch
):
    path = other(tmp_path, labelled.rows(600, seed=8))
    monkeypatch.setenv("FRAUD_DATA", str(path))
    for arguments in ((), ("--data", path)):
        assert f"{path} is not the file that model" in fraud.fail(*arguments)


def test_without_the_training_file_seen_rows_are_unknown(run_evaluate, tmp_path, monkeypatch):
    path = other(tmp_path, labelled.rows(600, seed=8))
    monkeypatch.setenv("FRAUD_DATA", str(path))
    found = run_evaluate("--data", path, "--allow-seen")
    assert (found["data"]["seen"], found["data"]["twins"], found["without_twins"]) == (
        None,
        None,
        None,
    )


def test_baselines_are_in_the_same_table(run_evaluate, monkeypatch):
    quick = ("logistic regression", "Amount alone")  # all of them: test_baselines.py
    monkeypatch.setattr(baselines, "BASELINES", {name: baselines.BASELINES[name] for name in quick})
    found = run_evaluate("--baselines")
    assert tuple(found["baselines"]) == quick
    for one in found["baselines"].values():
        own, its, lead = (
            found["test"]["auprc"]["value"],
            one["test"]["auprc"]["value"],
            one["difference"]["auprc"],
        )
        assert lead["value"] == pytest.approx(own - its)
        assert lead["low"] <= lead["value"] <= lead["high"]
        assert len(one["folds"]["auprc"]) == len(found["folds"]["auprc"])
    assert found["baselines"]["Amount alone"]["difference"]["auprc"]["low"] > 0
    assert "Amount alone" in Path(found["page"]).read_text()

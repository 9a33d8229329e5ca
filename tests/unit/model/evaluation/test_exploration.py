"""Explorations count flaws and show shifts, also for files of one row or one value."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp
from support.data import labelled, own

from model.evaluation.exploration import compute_psi, explore, split_days
from payments.contract import INPUTS
from producer.simulation import Parameters, simulate
from producer.simulation.disturbance import parse


def test_duplicates_are_found_by_inputs_regardless_of_time():
    rows = labelled.rows(1000)
    inputs = rows.columns.drop(["Time", "Class"])
    rows.loc[[500, 501], inputs] = rows.loc[7, inputs].to_numpy(float)
    rows.loc[501, ["Time", "Class"]] = [rows.loc[500, "Time"], 1]
    found = explore(rows)
    assert (found.duplicates, found.duplicates_at_the_same_time, found.duplicate_frauds) == (
        2,
        1,
        1 + rows.loc[500, "Class"],
    )


def test_counts_sums_and_hours():
    rows = labelled.rows(1000)
    found = explore(rows)
    assert (found.rows, found.frauds) == (1000, rows["Class"].sum())
    assert found.span_s == rows["Time"].max() - rows["Time"].min()
    assert found.fraud_amount == pytest.approx(rows["Amount"][rows["Class"] == 1].sum())
    assert sum(hour.transactions for hour in found.hours) == 1000
    assert sum(hour.frauds for hour in found.hours) == found.frauds
    assert found.hours[0].hour == 0


def test_the_first_day_against_the_last():
    first, last, name = split_days(np.array([100.0, 200.0, 86_499.0, 86_500.0, 172_899.0]))
    assert (first, last, name) == (slice(0, 3), slice(3, 5), "day 1 against day 2")
    first, last, _ = split_days(np.array([0.0, 1.0, 2.0, 3.0]))
    assert (first, last) == (slice(0, 2), slice(2, 4))


def test_a_shifted_column_stands_out():
    rows = labelled.rows(4000)
    second = rows["Time"] - rows["Time"][0] >= 86_400
    rows.loc[second, "V5"] += 1.0
    found = {one.name: one for one in explore(rows).features}
    assert found["V5"].ks == pytest.approx(
        ks_2samp(rows["V5"][~second], rows["V5"][second]).statistic
    )
    assert found["V5"].psi > 0.25
    assert found["V6"].psi < 0.1
    assert found["V5"].ks == max(one.ks for one in found.values())


def test_two_rows_are_compared_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = explore(labelled.rows(2))
    assert {one.ks for one in found.features} == {1.0}


def test_psi_of_a_known_case():
    first = np.arange(10.0).repeat(10)
    assert compute_psi(first, first) == 0
    half = np.array([0.0, 9.0]).repeat(
        5
    )  # two of ten bins hold half each, eight are empty: 1 in 10,000 each
    expected = 2 * (0.5 - 0.1) * np.log(5) + 8 * (0.0001 - 0.1) * np.log(0.001)
    assert compute_psi(first, half) == pytest.approx(expected)


def test_outliers_are_beyond_three_interquartile_ranges():
    rows = labelled.rows(1000)
    before = {one.name: one.outliers for one in explore(rows).features}
    rows.loc[3, "V7"] = 500.0
    after = {one.name: one.outliers for one in explore(rows).features}
    assert {name for name in after if after[name] != before[name]} == {"V7"}
    assert after["V7"] == before["V7"] + 1


@pytest.fixture
def fraud(home, monkeypatch, run_fraud):
    monkeypatch.delenv("FRAUD_DATA", raising=False)
    return replace(run_fraud, first=("explore",))


@pytest.fixture
def explored(fraud, tmp_path):
    """Return the JSON, the summary's lines and the page."""

    def run(rows):
        path = tmp_path / "rows.csv"
        rows.to_csv(path, index=False)
        found = fraud.read_json("--data", path)
        assert found["rows"] == len(rows)
        lines = fraud.succeed("--data", path).splitlines()
        return found, lines, Path(found["page"]).read_text()

    return run


@pytest.mark.parametrize(
    "rows",
    [labelled.rows(500), labelled.rows(1), labelled.rows(3).assign(V1=0.0, Amount=1.0, Time=0.0)],
)
def test_any_file_gives_a_page_a_summary_and_json(explored, rows):
    _, lines, page = explored(rows)
    assert lines[0].startswith(f"rows.csv: {len(rows)} rows over ")
    assert "<td>V28</td>" in page
    assert "<script src" not in page


def test_missing_and_invalid_values_are_counted_and_left_out(explored):
    rows = labelled.rows(500).astype(object)
    rows.loc[[3, 4, 5], "V14"] = ""
    rows.loc[6, "V3"], rows.loc[7, "V3"], rows.loc[8, "V3"] = "abc", 1e39, "inf"
    rows.loc[[9, 10], "Amount"] = -0.01
    rows.loc[11, "Time"], rows.loc[12, "Class"], rows.loc[13, "Class"] = "", 2, ""
    found, lines, page = explored(rows)
    bad = {
        one["name"]: (one["missing"], one["invalid"])
        for one in found["unusable"]
        if one["missing"] or one["invalid"]
    }
    assert bad == {"Time": (1, 0), "V3": (0, 3), "V14": (3, 0), "Amount": (0, 2), "Class": (1, 1)}
    said = (
        "Time (1 missing), V3 (3 invalid), V14 (3 missing), Amount (2 invalid), "
        "Class (1 missing, 1 invalid)."
    )
    assert lines[1].endswith(said)
    assert said in page
    left = rows["V3"].drop(index=[6, 7, 8]).astype(float)
    feature = next(one for one in found["features"] if one["name"] == "V3")
    assert (feature["maximum"], feature["mean"]) == pytest.approx((left.max(), left.mean()))
    assert found["fraud_share"]["value"] == pytest.approx(found["frauds"] / 498)
    assert sum(hour["transactions"] for hour in found["hours"]) == 499


def test_without_a_class_the_other_sections_remain(explored):
    rows = labelled.rows(500)
    known, _, _ = explored(rows)
    for without in (rows.drop(columns="Class"), rows.assign(Class="")):
        found, lines, page = explored(without)
        for name in ("frauds", "fraud_share", "duplicate_frauds", "fraud_amount"):
            assert found[name] is None, name
        assert (found["features"], found["amount"]) == (known["features"], known["amount"])
        assert any(line.startswith("No row has a Class") for line in lines)
        assert "Distributions by class" not in page
        assert "Frauds in 1,000" not in page


def test_an_own_schema_is_summarized_in_its_own_names(explored, tmp_path, monkeypatch):
    schema = tmp_path / "own.toml"
    schema.write_text(own.SCHEMA_TEXT)
    monkeypatch.setenv("FRAUD_SCHEMA", str(schema))
    rows = own.make_rows(500)
    found, lines, page = explored(rows)
    # Every fifth card_age is missing, which training accepts: it is optional.
    assert [one["name"] for one in found["features"]] == ["amount", "card_age", "present"]
    assert found["amount"] == pytest.approx(rows["value"].sum())
    assert lines[1].startswith(f"{rows['fraud'].sum()} frauds, ")
    assert lines[1].endswith(" in amount.")
    assert " of an earlier row, 0 of them at the same booked at; " in lines[2]
    assert lines[4] == "Categories are not summarized: country, channel."
    assert "mean amount" in page
    assert "Amount" not in page.split("</script>")[-1] + "".join(lines)
    _, lines, _ = explored(rows.drop(columns="fraud"))
    assert lines[1].startswith("No row has a fraud, so frauds are unknown; amount sums to ")


def test_rows_out_of_order_are_counted_and_looked_at_in_the_order_of_time(explored):
    rows = labelled.rows(500)
    expected, _, _ = explored(rows)
    found, lines, _ = explored(pd.concat([rows[:100], rows[101:], rows[100:101]]))
    assert found["out_of_order"] == 1
    assert lines[1].startswith("Rows after one with a later Time: 1;")
    for name in ("span_s", "features", "hours"):
        assert found[name] == expected[name], name


@pytest.mark.parametrize("name", ["Time", "V1", "Amount"])
def test_a_column_without_a_value_leaves_the_others(explored, name):
    found, _, page = explored(labelled.rows(500).assign(**{name: ""}))
    assert {one["name"]: one["missing"] for one in found["unusable"] if one["missing"]} == {
        name: 500
    }
    assert [one["name"] for one in found["features"] if one["mean"] is None] == [name] * (
        name != "Time"
    )
    assert "<td>V28</td>" in page


def test_what_the_simulator_leaves_out_is_counted(explored):
    chunks = simulate(Parameters.load(), 2_000, 1, [parse("missing:V14@500:0.1")])
    rows = pd.concat(
        [
            pd.DataFrame(chunk.values, columns=list(INPUTS)).assign(
                Time=chunk.times, Class=chunk.is_fraud * 1
            )
            for chunk in chunks
        ]
    )
    _, lines, _ = explored(rows)
    assert 100 < rows["V14"].isna().sum() < 200
    assert lines[1].endswith(f": V14 ({rows['V14'].isna().sum()} missing).")


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "", ",".join(["Time", *INPUTS, "Class"])])
def test_a_file_without_transactions_is_a_one_line_error(fraud, tmp_path, content):
    path = tmp_path / "other.csv"
    path.write_text(content)
    assert fraud.fail("--data", path)


def test_files_with_the_same_name_have_separate_pages(fraud, tmp_path):
    pages = set()
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        labelled.rows(10).to_csv(tmp_path / folder / "rows.csv", index=False)
        pages.add(fraud.read_json("--data", tmp_path / folder / "rows.csv")["page"])
    assert len(pages) == 2

"""`fraud threshold`: compares choices, and saves one as a new version of the same booster."""

import shutil
from dataclasses import replace

import pytest
from support.data.transactions import CREDITCARD

from model.artefact import LATEST, MODEL, REFERENCE, Model


@pytest.fixture
def models(model, tmp_path):
    """A folder of models with one artefact."""
    folder = tmp_path / "home" / "models"
    shutil.copytree(model.directory, folder / model.version)
    (folder / LATEST).symlink_to(model.version)
    return folder


@pytest.fixture
def fraud(tmp_path, monkeypatch, run_fraud):
    """Run the command and return its exit code, output and errors."""
    monkeypatch.setenv("FRAUD_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FRAUD_MODEL_DIR", raising=False)
    return replace(run_fraud, first=("threshold",))


def test_it_compares_capacities_precisions_and_costs_with_the_choice_in_use(fraud, models, model):
    result = fraud.read_json()
    assert (result["version"], result["rows"], result["saved"]) == (model.version, 1600, False)
    choices = result["choices"]
    assert list(choices) == ["in use", "review", "block", "costs"]
    assert choices["in use"][0]["review"]["probability"] == model.thresholds.review
    for kind in ("probability", "alerts_per_day"):
        flagged = [
            choice["review"]["flagged"]
            for choice in choices["review"]
            if kind in choice["policy"]["review"]
        ]
        assert len(flagged) == 6
        assert flagged == sorted(flagged)
    in_use = choices["in use"][0]["later"]["alerts_per_day"]
    rates = [cut.alerts_per_day for cut in model.manifest.cuts]
    assert (in_use["low"], in_use["high"]) == (min(rates), max(rates))
    for choice in choices["block"]:
        block = choice["block"]
        assert (
            block["flagged"] == 0
            or block["precision_low"] >= choice["policy"]["block"]["precision"]
        )
        assert block["stopped"] == block["flagged"] - block["caught"]
    assert all("cost" in choice for choice in choices["costs"])


def test_it_draws_a_table(fraud, models, model):
    printed = fraud.succeed()
    assert model.version in printed
    assert "100 a day" in printed
    assert "from p = 0.2" in printed
    assert max(map(len, printed.splitlines())) <= 132
    assert sorted(path.name for path in models.iterdir()) == sorted([model.version, LATEST])


def test_the_table_shows_alerts_a_day_and_the_legitimate_payments_that_they_stop(
    fraud, models, model, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "60")  # a table narrower than its numbers would cut them off
    asked = ("--alerts-per-day", 400, "--block-precision", 0.5)
    review = fraud.read_json(*asked)["choices"]["asked for"][0]["review"]
    lines = fraud.succeed(*asked).splitlines()
    heading, line = (
        next(line for line in lines if word in line).split() for word in ("flagged", "400 a day")
    )
    legitimate = review["legitimate"]
    assert review["alerts_a_day"] == pytest.approx(
        review["flagged"] * model.manifest.payments_per_day / (review["frauds"] + legitimate)
    )
    assert review["stopped"] > 0
    assert heading[-10:-5] == ["caught", "legit.", "of", "all", "stopped"]
    assert line[-7:-4] == [
        str(review["stopped"]),
        f"{review['stopped'] / legitimate:.4%}",
        f"{review['stopped_amount']:,.0f}",
    ]
    assert line[4:7] == [
        str(review["flagged"]),
        f"{review['alerts_a_day']:.0f}",
        str(review["caught"]),
    ]


def test_saving_makes_a_new_version_of_the_same_booster(fraud, models, model):
    result = fraud.read_json("--cost-review", 1, "--cost-block", 30, "--save")
    saved = Model.load(models / LATEST, CREDITCARD)
    assert saved.version == result["version"] != model.version
    for name in (MODEL, REFERENCE):
        assert (saved.directory / name).read_bytes() == (model.directory / name).read_bytes()
    asked = result["choices"]["asked for"][0]
    assert saved.thresholds.model_dump() == {
        name: asked[name]["probability"] for name in ("review", "block")
    }
    assert saved.manifest.policy.model_dump() == {"cost_review": 1.0, "cost_block": 30.0}
    same = {"thresholds", "policy", "cuts", "patterns"}
    assert saved.manifest.model_dump(exclude=same) == model.manifest.model_dump(exclude=same)
    assert (
        Model.load(models / model.version, CREDITCARD).thresholds == model.thresholds
    )  # the one before is still there


def test_saving_the_current_choice_keeps_the_version(fraud, models, model):
    fraud("--alerts-per-day", 400, "--save")
    assert Model.load(models / LATEST, CREDITCARD).version != model.version
    fraud("--review-probability", 0.2, "--block-precision", 0.95, "--save")
    assert Model.load(models / LATEST, CREDITCARD).version == model.version


@pytest.mark.parametrize(
    "arguments",
    [
        ["--save"],
        ["--cost-review", 5],
        ["--cost-block", 5],
        ["--cost-review", 5, "--cost-block", 20, "--alerts-per-day", 5],
        ["--review-probability", 0.5, "--alerts-per-day", 5],
    ],
)
def test_half_a_choice_or_two_choices_are_refused(fraud, models, arguments):
    assert fraud.fail(*arguments, code=2)


@pytest.mark.parametrize(
    ("option", "arguments"),
    [
        ("--alerts-per-day", ["--alerts-per-day", "inf"]),
        ("--alerts-per-day", ["--alerts-per-day", "1e308"]),
        ("--alerts-per-day", ["--alerts-per-day", "nan"]),
        ("--review-probability", ["--review-probability", "nan"]),
        ("--block-precision", ["--block-precision", "nan"]),
        ("--cost-review", ["--cost-review", "inf", "--cost-block", 20]),
        ("--cost-review", ["--cost-review", "1e308", "--cost-block", 20]),
        ("--cost-block", ["--cost-review", 5, "--cost-block", "nan"]),
    ],
)
def test_values_that_are_not_numbers_or_too_large_are_refused_in_one_line(
    fraud, models, model, option, arguments
):
    assert option in fraud.fail(*arguments, "--save", code=2)
    assert sorted(path.name for path in models.iterdir()) == sorted([model.version, LATEST])


def test_the_highest_allowed_costs_give_finite_numbers(fraud, models):
    for arguments in (
        ["--alerts-per-day", 2000],
        ["--cost-review", "1e9", "--cost-block", "1e9"],
    ):
        assert fraud.read_json(*arguments)


def test_without_a_model_it_says_what_to_run(fraud):
    assert fraud.fail().startswith("fraud: there is no model")

"""Simulated transactions: reproducible, with a daily rhythm, and disturbed only when asked."""

import json
from dataclasses import replace

import numpy as np
import pytest

from payments.contract import INPUTS
from payments.schema.reading import read_schema
from producer.errors import DataError, SimulationError
from producer.rows import Selection, encode_transaction, read
from producer.simulation import Chunk, Disturbance, Parameters, SimulationOptions, simulate
from producer.simulation.arrival import Arrivals
from producer.simulation.disturbance import NEW_FRAUD, parse
from producer.simulation.output import make_rows, write
from producer.simulation.parameters import DEFAULT, MIN_FRAUDS, MIN_ROWS
from producer.simulation.simulate import CHUNK

CREDITCARD = read_schema("creditcard")
COUNT = 20_000
MOMENT = 10_000
V14 = INPUTS.index("V14")
AMOUNT = INPUTS.index("Amount")


@pytest.fixture(scope="module")
def parameters():
    return Parameters.load()


def join(chunks):
    chunks = list(chunks)
    parts = {
        name: np.concatenate([getattr(chunk, name) for chunk in chunks])
        for name in ("times", "values", "is_fraud")
    }
    accounts = (
        None if chunks[0].accounts is None else np.concatenate([chunk.accounts for chunk in chunks])
    )
    return Chunk(0, **parts, accounts=accounts)


@pytest.fixture(scope="module")
def plain(parameters):
    return join(simulate(parameters, COUNT, 1))


@pytest.fixture
def disturbed(parameters):
    def run(*texts, **options):
        return join(
            simulate(
                parameters, COUNT, 1, [parse(text) for text in texts], SimulationOptions(**options)
            )
        )

    return run


def test_the_seed_determines_the_bytes(parameters, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write(simulate(parameters, 3_000, seed), tmp_path / name)
    assert (
        (tmp_path / "a").read_bytes()
        == (tmp_path / "b").read_bytes()
        != (tmp_path / "c").read_bytes()
    )


def test_a_shorter_stream_is_the_start_of_a_longer_one(parameters, plain):
    few = join(simulate(parameters, CHUNK + 10, 1))
    assert len(few.times) == CHUNK + 10
    np.testing.assert_array_equal(few.values, plain.values[: CHUNK + 10])
    np.testing.assert_array_equal(few.times, plain.times[: CHUNK + 10])


def test_transactions_are_in_time_order_with_amounts_in_cents(plain):
    assert (np.diff(plain.times) >= 0).all()
    assert (plain.values[:, AMOUNT] >= 0).all()
    np.testing.assert_array_equal(plain.values[:, AMOUNT], np.round(plain.values[:, AMOUNT], 2))
    assert np.isfinite(plain.values).all()


def test_a_csv_contains_the_transactions_that_would_be_sent(parameters, tmp_path):
    def simulate_rows():
        return simulate(
            parameters,
            500,
            1,
            [parse("missing:V14@100:0.3")],
            SimulationOptions(fraud_share=0.1, accounts=5),
        )

    write(simulate_rows(), tmp_path / "made.csv")
    sent = list(make_rows(simulate_rows(), "r"))
    again = list(read(Selection(tmp_path / "made.csv", CREDITCARD), "r"))

    def describe(rows):
        return [
            (row.number, row.is_fraud, row.key, json.loads(encode_transaction(row))) for row in rows
        ]

    assert describe(again) == describe(sent)
    assert 50 < sum(b'"V14"' not in encode_transaction(row) for row in again) < 200
    assert len({row.key for row in again}) == 5


def test_amounts_are_common_prices_or_between_the_stored_ones(parameters, plain):
    amounts = plain.values[:, AMOUNT]
    stored, times = np.unique(parameters.amounts, return_counts=True)
    prices = stored[times > 1]
    assert (stored[0] <= amounts).all()
    assert (amounts <= np.round(stored[-1], 2)).all()
    assert 0.3 < np.isin(amounts, np.round(prices, 2)).mean() < 0.9


def test_the_rate_follows_the_hour_of_day_unless_the_rhythm_is_off(parameters, disturbed):
    gaps = np.random.default_rng(3).standard_exponential(200_000)
    times = Arrivals(parameters.rate, ()).place(np.arange(len(gaps)), gaps)
    for day in (0, 1):
        counts = np.histogram(times, day * 86_400 + np.arange(25) * 3600)[0]
        if day == 0:
            np.testing.assert_allclose(
                counts, parameters.rate, atol=5 * np.sqrt(parameters.rate.max())
            )
    assert counts[0] == pytest.approx(parameters.rate[0], rel=0.1)
    steady = np.bincount((disturbed(rhythm=False).times // 3600).astype(int))
    np.testing.assert_allclose(steady[:3], parameters.rate.mean(), rtol=0.1)


def test_the_mixture_follows_the_hour_of_day(parameters, plain):
    first = plain.values[(plain.times < 3600) & ~plain.is_fraud, :-1]
    for hour, matches in ((0, True), (12, False)):
        expected = parameters.hourly[hour] @ parameters.legitimate.means[:, :-1]
        off = np.abs(first.mean(axis=0) - expected) / (first.std(axis=0) / np.sqrt(len(first)))
        assert (off < 5).all() == matches


def test_frauds_have_the_requested_frequency(parameters, disturbed):
    assert join(simulate(parameters, 100_000, 1)).is_fraud.mean() == pytest.approx(
        parameters.fraud_share, rel=0.3
    )
    assert disturbed(fraud_share=0.1).is_fraud.mean() == pytest.approx(0.1, rel=0.1)


def test_transactions_have_accounts_on_request(disturbed):
    accounts = disturbed(accounts=50).accounts
    assert set(accounts) == set(range(50))
    assert disturbed().accounts is None


OPEN_ENDED = (
    "shift:V14@10_000:0.5",
    "scale:V14@10000:1.5",
    "stuck:V14@10000:0.5",
    "missing:V14@10000",
    "new-fraud@10000:0.1",
    "surge@10000:5",
)


@pytest.mark.parametrize("text", OPEN_ENDED)
def test_nothing_changes_before_the_disturbance(disturbed, plain, text):
    found = disturbed(text)
    for name in ("values", "times", "is_fraud"):
        before = getattr(plain, name)[:MOMENT]
        np.testing.assert_array_equal(getattr(found, name)[:MOMENT], before, name)


def test_shift_moves_one_feature_by_a_number_of_sd_until_it_ends(parameters, disturbed, plain):
    moved = disturbed("shift:V14@10000..15000:0.5").values - plain.values
    np.testing.assert_allclose(moved[MOMENT:15_000, V14], 0.5 * parameters.sd[V14])
    moved[MOMENT:15_000, V14] = 0
    assert not moved.any()


def test_scale_multiplies_the_distance_from_the_mean(parameters, disturbed, plain):
    mean = parameters.mean[V14]
    found = disturbed("scale:V14@10000:1.5").values[MOMENT:, V14]
    np.testing.assert_allclose(found - mean, 1.5 * (plain.values[MOMENT:, V14] - mean))


def test_stuck_and_missing_affect_their_share_of_the_rows(parameters, disturbed, plain):
    stuck = disturbed("stuck:V14@10000:0.5").values[MOMENT:, V14]
    at_mean = stuck == parameters.mean[V14]
    assert at_mean.mean() == pytest.approx(0.5, abs=0.03)
    np.testing.assert_array_equal(stuck[~at_mean], plain.values[MOMENT:, V14][~at_mean])
    missing = np.isnan(disturbed("missing:Amount@10000:0.2").values)
    assert missing[MOMENT:, AMOUNT].mean() == pytest.approx(0.2, abs=0.03)
    assert missing.sum() == missing[MOMENT:, AMOUNT].sum()


def test_a_new_fraud_pattern_differs_from_all_known_frauds(parameters, disturbed, plain):
    found = disturbed("new-fraud@10000:0.1")
    new = found.is_fraud & ~plain.is_fraud
    assert new[MOMENT:].mean() == pytest.approx(0.1, abs=0.02)
    moved = (found.values - plain.values)[new] / parameters.sd
    for name, shift in NEW_FRAUD.items():
        np.testing.assert_allclose(moved[:, INPUTS.index(name)], shift, atol=1e-5)


def test_the_fraud_rate_can_be_multiplied(disturbed):
    found = disturbed("fraud-rate@10000:5", fraud_share=0.02).is_fraud
    assert found[:MOMENT].mean() == pytest.approx(0.02, rel=0.3)
    assert found[MOMENT:].mean() == pytest.approx(0.1, rel=0.15)


def test_a_surge_by_row_and_by_time_multiplies_the_volume(parameters, disturbed, plain):
    by_row = disturbed("surge@10000..15000:10", rhythm=False).times
    steady = disturbed(rhythm=False).times
    assert np.ptp(by_row[MOMENT:15_000]) == pytest.approx(
        np.ptp(steady[MOMENT:15_000]) / 10, rel=0.02
    )
    assert np.ptp(by_row[15_000:]) == pytest.approx(np.ptp(steady[15_000:]), abs=2)
    by_half_hour = np.bincount(
        (disturbed("surge@1h..1.5h:3", rhythm=False).times // 1800).astype(int)
    )
    np.testing.assert_allclose(by_half_hour[:4], by_half_hour[0] * np.array([1, 1, 3, 1]), rtol=0.1)


@pytest.mark.parametrize("text", ["1h", "60m", "3600s"])
def test_a_disturbance_may_begin_at_a_time(disturbed, plain, text):
    moved = (disturbed(f"shift:V14@{text}:2").values != plain.values).any(axis=1)
    np.testing.assert_array_equal(moved, plain.times >= 3600)


def test_disturbances_are_parsed():
    assert parse("shift:V14@5000:-0.5") == Disturbance("shift", 5000, size=-0.5, feature="V14")
    assert parse("surge@1.5h..2h:10") == Disturbance("surge", 5400, 7200, 10.0, by_time=True)
    assert parse("missing:Amount@1_000") == Disturbance("missing", 1000, feature="Amount")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("V14 goes up", "is not a disturbance"),
        ("jump:V14@5:1", "jump is not a kind"),
        ("shift@5:1", "shift needs one of V1"),
        ("shift:V29@5:1", "shift needs one of V1"),
        ("surge:V1@5:1", "surge takes no feature"),
        ("shift:V1@5", "shift needs a size"),
        ("stuck:V1@5:1.5", "a share, 0 to 1"),
        ("surge@5:0", "a factor above 0"),
        ("shift:V1@5..2h:1", "both be rows or both be times"),
        ("shift:V1@5..5:1", "UNTIL must be later"),
        ("shift:V1@1.5:1", "is not a row"),
        ("shift:V1@1.2.3h:1", "neither a row"),
    ],
)
def test_an_invalid_disturbance_is_refused(text, why):
    with pytest.raises(SimulationError, match=why):
        parse(text)


def test_a_missing_field_is_empty_in_the_csv_and_absent_from_the_transaction(parameters, tmp_path):
    chunk = next(simulate(parameters, 1, 1, [parse("missing:V3@0")], SimulationOptions(accounts=1)))
    write([chunk], tmp_path / "one.csv")
    header, line = ((tmp_path / "one.csv").read_text()).splitlines()
    fields = dict(zip(header.replace('"', "").split(","), line.split(","), strict=True))
    assert fields["V3"] == ""
    assert list(fields) == ["Time", *INPUTS, "Class", "account_id"]
    (row,) = make_rows([chunk], "r")
    sent = json.loads(encode_transaction(row))
    assert set(sent) == {"transaction_id", "event_time", "account_id", *INPUTS} - {"V3"}
    assert (sent["transaction_id"], sent["account_id"]) == ("r-0", "account-0")
    assert sent["V4"] == float(fields["V4"])


def test_the_parameters_are_few_plain_numbers_based_on_many_rows(parameters):
    assert DEFAULT.stat().st_size < 1_000_000
    with np.load(DEFAULT, allow_pickle=False) as stored:
        assert {
            name: stored[name].dtype.kind for name in stored.files if stored[name].dtype.kind != "f"
        } == {"selection": "u"}
    assert parameters.rows_legitimate.min() >= MIN_ROWS
    assert parameters.rows_fraud.min() >= MIN_FRAUDS
    assert (
        len(parameters.rows_legitimate)
        == len(parameters.legitimate.weights)
        == parameters.hourly.shape[1]
    )
    assert len(parameters.rows_fraud) == len(parameters.fraud.weights)


def test_every_component_has_a_spread_in_every_direction(parameters):
    for mixture in (parameters.legitimate, parameters.fraud):
        factors = mixture.factors / parameters.sd.clip(max=2)[None, :, None]
        assert np.linalg.svd(factors, compute_uv=False).min() > 1e-3


def test_parameters_survive_a_round_trip_and_other_files_are_refused(parameters, tmp_path):
    parameters.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == DEFAULT.read_bytes()
    (tmp_path / "bad.npz").write_bytes(b"no")
    for name in ("bad.npz", "none.npz"):
        with pytest.raises(DataError, match="holds no parameters"):
            Parameters.load(tmp_path / name)
    replace(parameters, fraud_share=0.5).save(tmp_path / "other.npz")
    assert Parameters.load(tmp_path / "other.npz").fraud_share == 0.5

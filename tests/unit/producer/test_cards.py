"""Simulated card payments: reproducible, valid, in order, with habits and disturbances."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from support.data.cards import simulate_table

from payments.decoder import TransactionDecoder
from payments.features import FeatureEncoder
from payments.schema.reading import read_schema
from producer.errors import DataError, SimulationError
from producer.rows import Selection, encode_transaction, read
from producer.simulation.cards import CardOptions, parse, simulate, write
from producer.simulation.cards.payment import PATTERNS
from producer.simulation.cards.sending import LateCardLabels, make_rows
from producer.simulation.cards.texts import ACCOUNTS

SCHEMA = read_schema("cards")
ROWS = 30_000
RFC3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture(scope="module")
def plain():
    return simulate_table(CardOptions(ROWS))


def test_the_seed_determines_the_bytes(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write(simulate(CardOptions(20_000, seed)), tmp_path / name)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b
    assert a != c
    assert a.count(b"\n") == 20_001


def test_at_the_same_rate_a_shorter_stream_is_the_start_of_a_longer_one():
    half = simulate_table(CardOptions(10_000, days=28))
    pd.testing.assert_frame_equal(half, simulate_table(CardOptions(20_000, days=56))[:10_000])


def test_every_row_is_valid_by_the_schema(plain):
    assert set(SCHEMA.columns.values()) | {"is_fraud", "labelled_at", "fraud_pattern"} == set(plain)
    for name, field in SCHEMA.fields.items():
        column = plain[name]
        assert field.optional or column.notna().all(), name
        if isinstance(field.values, list):
            assert set(column) == set(field.values), name
        if field.type in ("id", "entity", "text"):
            assert column.dropna().str.fullmatch(r"[a-z0-9.-]{1,128}").all(), name
    assert plain["transaction_id"].is_unique
    assert plain["event_time"].str.fullmatch(RFC3339).all()
    assert (plain["amount"] == plain["amount"].round(2)).all()
    assert (plain["amount"] > 0).all()
    assert set(plain["is_fraud"]) == {0, 1}


def test_payments_are_in_time_order_over_the_days_asked_for(plain):
    times = pd.to_datetime(plain["event_time"])
    assert times.is_monotonic_increasing
    assert times.iloc[0].floor("D") == pd.Timestamp("2025-01-06", tz="UTC")
    assert 57 < (times.iloc[-1] - times.iloc[0]) / pd.Timedelta("1D") < 63


def test_terminals_and_devices_belong_to_channels(plain):
    at_shops = plain["channel"].isin(["chip", "contactless", "atm"])
    assert (plain["terminal_id"].notna() == at_shops).all()
    online = plain["channel"] == "ecom"
    assert plain.loc[~online, ["device_id", "ip"]].isna().all(axis=None)
    assert 0.8 < plain.loc[online, "device_id"].notna().mean() < 1
    assert plain.groupby("terminal_id")["merchant_id"].nunique().max() == 1
    per_merchant = plain.groupby("merchant_id")[["country", "currency", "mcc"]].nunique()
    assert per_merchant.max().max() == 1


def test_people_sleep_at_night_and_shop_at_the_weekend():
    table = simulate_table(CardOptions(100_000, days=28))
    local = pd.to_datetime(table["event_time"]) + pd.Timedelta("1h")
    hours = local.dt.hour.value_counts(normalize=True)
    assert hours[3] < 0.01
    assert hours[12] > 0.05
    days = local.dt.weekday.value_counts(normalize=True)
    assert days.idxmax() == 5
    assert days.idxmin() == 6
    online = (table["channel"] == "ecom").groupby(local.dt.hour).mean()
    assert online[3] > online[12] + 0.2


def test_customers_come_back_to_their_merchants_and_use_their_own_devices(plain):
    legitimate = plain[plain["is_fraud"] == 0]
    again = legitimate.duplicated(["account_id", "merchant_id"]).mean()
    shuffled = legitimate["merchant_id"].sample(frac=1, random_state=1).to_numpy()
    by_chance = legitimate.assign(merchant_id=shuffled).duplicated(["account_id", "merchant_id"])
    assert again > by_chance.mean() + 0.3
    devices = legitimate.dropna(subset="device_id").groupby("account_id")["device_id"]
    assert devices.agg(lambda found: found.value_counts(normalize=True).iloc[0]).mean() > 0.6
    spends = legitimate.groupby("account_id")["amount"].median()
    assert spends.quantile(0.9) > 2 * spends.quantile(0.1)


@pytest.mark.parametrize("share", [0.002, 0.03])
def test_frauds_are_as_frequent_as_asked_for(share):
    table = simulate_table(CardOptions(100_000, fraud_share=share))
    assert table["is_fraud"].mean() == pytest.approx(share, rel=0.15)
    assert set(table["fraud_pattern"].dropna()) == set(PATTERNS[1:])


def test_customers_and_the_start_can_be_chosen():
    options = CardOptions(5_000, start=pd.Timestamp("2024-02-29T12:00Z"), days=3, customers=700)
    table = simulate_table(options)
    assert 600 < table["account_id"].nunique() <= 700
    assert table["event_time"].iloc[0].startswith("2024-02-29T12:")
    assert "2024-03-03T06" < table["event_time"].iloc[-1] < "2024-03-03T18"


def test_parquet_holds_the_same_payments(tmp_path, plain):
    path = tmp_path / "made.parquet"
    assert write(simulate(CardOptions(ROWS)), path) == ROWS
    found = pd.read_parquet(path)
    pd.testing.assert_frame_equal(found.astype({"amount": float}), plain)


def test_a_file_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(DataError, match="cannot be written"):
        write(simulate(CardOptions(100)), tmp_path / "none" / "made.csv")


AFTER = 12_000
LATER = slice(AFTER + 500, None)


def disturb(*texts):
    return simulate_table(CardOptions(ROWS), [parse(text) for text in texts])


@pytest.mark.parametrize(
    "text",
    [
        "shift:amount@12000:2",
        "scale:amount@12000:3",
        "stuck:amount@12000:0.5",
        "missing:amount@12000:0.2",
        "unseen:mcc@12000:0.3",
        "fraud-rate@12000:5",
        "surge@30d..33d:5",
    ],
)
def test_a_disturbance_changes_nothing_before_it_begins(plain, text):
    before = plain["event_time"] < "2025-02-05" if "30d" in text else plain.index < AFTER
    found = disturb(text)
    pd.testing.assert_frame_equal(found[: before.sum()], plain[before])
    assert not found.equals(plain)


def test_amounts_are_disturbed_as_asked(plain):
    sd = plain["amount"].std()
    shifted = disturb("shift:amount@12000:2")["amount"] - plain["amount"]
    assert shifted[AFTER:].round(2).nunique() == 1
    assert shifted[AFTER:].mean() == pytest.approx(2 * sd, rel=0.25)
    missing = disturb("missing:amount@12000..20000:0.2")["amount"].isna()
    assert missing[12_000:20_000].mean() == pytest.approx(0.2, abs=0.02)
    assert not missing[20_000:].any()


@pytest.mark.parametrize("field", ["country", "currency", "channel", "mcc"])
def test_an_unseen_value_appears_in_a_share_of_the_rows(plain, field):
    found = disturb(f"unseen:{field}@12000:0.3")[field]
    unseen = ~found.isin(plain[field])
    assert found[unseen].nunique() == 1
    assert unseen[AFTER:].mean() == pytest.approx(0.3, abs=0.02)


def test_frauds_become_more_frequent(plain):
    assert disturb("fraud-rate@12000:5")["is_fraud"][LATER].sum() > (
        3 * plain["is_fraud"][LATER].sum()
    )


def test_a_surge_brings_more_payments(plain):
    def count(table):
        return table["event_time"].between("2025-02-05", "2025-02-08").sum()

    assert count(disturb("surge@30d..33d:5")) == pytest.approx(5 * count(plain), rel=0.15)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shift:V14@5000:0.5", "shift needs one of amount"),
        ("unseen:amount@5000:0.5", "country, currency, channel, mcc for unseen"),
        ("new-fraud@5000:0.1", "choose from shift, scale"),
        ("unseen:mcc@5000:2", "a share, 0 to 1"),
        ("surge@5000:2", "a surge takes times"),
        ("what", "as in shift:amount@5000:0.5"),
    ],
)
def test_a_disturbance_of_other_streams_is_refused(text, message):
    with pytest.raises(SimulationError, match=re.escape(message)):
        parse(text)


def test_memory_does_not_grow_with_the_rows():
    sizes = [len(chunk.payments) for chunk in simulate(CardOptions(300_000, customers=1_000))]
    assert max(sizes) < 40_000
    assert np.std(sizes[1:-1]) < 3_000


def test_sent_payments_are_those_of_the_file(tmp_path):
    options = CardOptions(3_000, fraud_share=0.05)
    write(simulate(options), tmp_path / "made.csv")
    sent = list(make_rows(simulate(options), "r"))
    assert [row.transaction_id for row in sent] == [f"r-{number}" for number in range(3_000)]
    replayed = list(read(Selection(tmp_path / "made.csv", SCHEMA), "r"))

    def describe(rows):
        made = [json.loads(encode_transaction(row)) | {"transaction_id": ""} for row in rows]
        return [(row.key, row.is_fraud) for row in rows], made

    assert describe(sent) == describe(replayed)


def test_the_decoder_of_the_schema_takes_every_payment(plain):
    stateless = tuple(each for each in SCHEMA.features if each.kind not in ("velocity", "risk"))
    categories = {name: tuple(set(plain[name])) for name in SCHEMA.declaration.features.categories}
    encoder = FeatureEncoder(SCHEMA._replace(features=stateless), categories)
    decoder = TransactionDecoder(encoder)
    for row in make_rows(simulate(CardOptions(2_000)), "r"):
        sent, features = decoder.decode_one(encode_transaction(row))
        assert (sent.transaction_id, sent.key) == (row.transaction_id, row.key)
        assert features[0, 0] == np.float32(sent.amount)
        assert np.isfinite(features).all()


def test_an_account_comes_back_from_a_waiting_label():
    names = ACCOUNTS.make_first(1_000).to_pylist()
    assert len(set(names)) == 1_000
    for number, name in enumerate(names):
        assert ACCOUNTS.make(number) == name
        assert LateCardLabels.entities["account_id"].parse(name) == number


def test_any_seed_gives_its_own_payments():
    tables = [simulate_table(CardOptions(200, seed)) for seed in (0, 2**64, 10**30)]
    assert len({table["event_time"][0] for table in tables}) == 3

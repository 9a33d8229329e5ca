"""Each fraud pattern is what its name says, becomes known in its time, and hides in raw fields."""

import pandas as pd
import pytest
from support.data.cards import simulate_table

from producer.simulation.cards import CardOptions
from producer.simulation.cards.labels import DELAYS
from producer.simulation.cards.payment import PATTERNS

HOUR = pd.Timedelta("1h")
DAY = pd.Timedelta("1D")


@pytest.fixture(scope="module")
def table():
    made = simulate_table(CardOptions(300_000))
    made["time"] = pd.to_datetime(made["event_time"])
    made["known"] = pd.to_datetime(made["labelled_at"])
    return made


@pytest.fixture(scope="module")
def legitimate(table):
    return table[table["is_fraud"] == 0]


@pytest.fixture(scope="module")
def pick(table):
    def choose(pattern):
        found = table[table["fraud_pattern"] == pattern]
        assert len(found) > 50
        return found

    return choose


def test_frauds_and_only_they_have_a_pattern_and_a_label_date(table):
    fraud = table["is_fraud"] == 1
    assert (table["fraud_pattern"].notna() == fraud).all()
    assert (table["labelled_at"].notna() == fraud).all()
    assert set(table["fraud_pattern"].dropna()) == set(PATTERNS[1:])


def test_card_testing_is_many_tiny_payments_of_one_device_at_one_merchant_in_minutes(pick):
    found = pick("card_testing")
    assert (found["channel"] == "ecom").all()
    assert found["amount"].max() <= 5
    runs = found.groupby(["merchant_id", "device_id"])
    assert runs["time"].agg(len).median() >= 6
    assert runs["time"].agg(lambda times: times.max() - times.min()).median() < HOUR / 4
    assert runs["account_id"].nunique().max() <= 6


def test_a_stolen_card_pays_larger_amounts_at_shops_new_to_the_customer(pick, legitimate):
    found = pick("stolen_card")
    assert set(found["channel"]) <= {"chip", "contactless", "atm"}
    runs = found.groupby("account_id")
    assert runs["time"].agg(len).median() >= 4
    assert runs["time"].agg(lambda times: times.max() - times.min()).median() < 6 * HOUR
    usual = legitimate.groupby("account_id")["amount"].median()
    assert (found["amount"] > usual[found["account_id"]].to_numpy()).mean() > 0.75
    known = set(zip(legitimate["account_id"], legitimate["merchant_id"], strict=True))
    visits = zip(found["account_id"], found["merchant_id"], strict=True)
    assert sum(visit in known for visit in visits) < 0.4 * len(found)


def test_an_account_takeover_orders_from_a_device_new_to_the_customer(pick, legitimate):
    found = pick("account_takeover")
    assert (found["channel"] == "ecom").all()
    own = set(zip(legitimate["account_id"], legitimate["device_id"], strict=True))
    assert not own & set(zip(found["account_id"], found["device_id"], strict=True))
    assert found["device_id"].nunique() > found["account_id"].nunique() / 3
    online = legitimate[legitimate["channel"] == "ecom"]
    assert found["amount"].median() > 3 * online["amount"].median()


def test_a_compromised_terminal_gives_cards_that_are_misused_days_later(pick, legitimate):
    found = pick("compromised_terminal")
    counts = found["terminal_id"].value_counts()
    compromised = counts[counts >= 5].index
    assert 2 <= len(compromised) < 20
    passed = legitimate[legitimate["terminal_id"].isin(compromised)]
    pairs = found.merge(passed, on="account_id", suffixes=("", "_passed"))
    days = (pairs["time"] - pairs["time_passed"]) / DAY
    copied = pairs[days.between(1, 9)]["transaction_id"].nunique()
    assert copied > 0.95 * len(found)
    there = found["terminal_id"].isin(compromised).mean()
    assert 0.5 < there < 0.9
    visits = passed.groupby("terminal_id").size()
    assert (counts[compromised] / visits[compromised]).median() > 0.1


def test_a_colluding_merchant_has_frauds_over_weeks(pick, table):
    found = pick("colluding_merchant")
    merchants = found.groupby("merchant_id")["time"].agg(["min", "max", "size"])
    busy = merchants[merchants["size"] >= 10]
    assert 1 <= len(busy) < 20
    assert (busy["max"] - busy["min"]).max() > 14 * DAY
    share = (
        busy["size"] / table[table["merchant_id"].isin(busy.index)].groupby("merchant_id").size()
    )
    assert share.median() > 0.05
    assert found["account_id"].nunique() > 0.9 * len(found)


@pytest.mark.parametrize("pattern", PATTERNS[1:])
def test_a_fraud_becomes_known_in_the_time_of_its_pattern(pick, pattern):
    found = pick(pattern)
    delay = DELAYS[pattern]
    hours = (found["known"] - found["time"]) / HOUR
    assert hours.min() >= delay.least - 0.001
    assert hours.max() < delay.most + 48  # an episode becomes known at once, after its last payment
    assert 0.6 < hours.median() / delay.median < 1.8


def test_no_value_of_a_field_gives_frauds_away(table):
    for field in ("country", "currency", "channel", "mcc"):
        groups = table.groupby(field)["is_fraud"].agg(["size", "mean"])
        assert groups.loc[groups["size"] >= 200, "mean"].max() < 0.1, field
    amounts = table.groupby(pd.qcut(table["amount"], 50, duplicates="drop"), observed=True)
    assert amounts["is_fraud"].mean().max() < 0.03
    assert table.groupby(table["time"].dt.hour)["is_fraud"].mean().max() < 0.05

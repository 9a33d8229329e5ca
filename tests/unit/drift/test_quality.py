from prometheus_client import CollectorRegistry, generate_latest

from drift.metrics import LabelMetrics
from drift.quality import POOLED_WINDOWS, Outcomes, Quality, Truth, frauds_rose, pool
from model.intervals import UNDEFINED, estimate_share


def quality(**counts):
    found = Quality()
    for decision, outcomes in counts.items():
        for truth, count in outcomes.items():
            for _ in range(count):
                found.count(decision, truth)
    return found


FRAUD, LEGITIMATE = Truth(True, True), Truth(False, True)
ANALYST_FRAUD, ANALYST_LEGITIMATE = Truth(True, False), Truth(False, False)


def test_analysts_count_for_precision_and_not_for_recall():
    found = quality(
        review={ANALYST_FRAUD: 6, ANALYST_LEGITIMATE: 2, None: 5}, approve={None: 1_000}
    )
    assert found.precision == estimate_share(6, 8)
    assert found.recall == UNDEFINED
    found = quality(
        review={ANALYST_FRAUD: 6, FRAUD: 3}, approve={FRAUD: 1, LEGITIMATE: 500, ANALYST_FRAUD: 4}
    )
    assert found.recall == estimate_share(3, 4)


def test_a_payment_without_a_label_is_not_legitimate():
    found = quality(review={FRAUD: 1, None: 9}, approve={None: 90})
    assert found.precision == estimate_share(1, 1)
    assert found.recall == estimate_share(1, 1)
    assert found.labelled_share == 0.01


def test_no_label_is_expected_of_blocked_payments():
    found = quality(approve={LEGITIMATE: 3}, review={FRAUD: 1}, block={None: 96})
    assert found.labelled_share == 1
    assert quality(block={None: 3}).labelled_share is None
    assert found.block == Outcomes(payments=96)


def test_windows_are_pooled():
    one = quality(approve={LEGITIMATE: 3, None: 1}, review={FRAUD: 2}, block={ANALYST_FRAUD: 1})
    assert pool([one, one, Quality()]) == quality(
        approve={LEGITIMATE: 6, None: 2}, review={FRAUD: 4}, block={ANALYST_FRAUD: 2}
    )
    assert pool([]) == Quality()


def window(frauds, payments=1_000, labelled=None):
    labelled = payments if labelled is None else labelled
    return Quality(approve=Outcomes(payments=payments, fraud=frauds, legitimate=labelled - frauds))


USUAL = [window(frauds) for frauds in (2, 1, 3, 2, 0, 1, 2, 2, 1, 3, 2, 1, 2, 2, 1, 2, 2, 1)]


def test_frauds_rise_if_two_windows_have_more_than_those_before_explain():
    assert len(USUAL) == POOLED_WINDOWS - 2
    assert frauds_rose([*USUAL, window(9), window(8)]) is True
    assert frauds_rose([*USUAL, window(2), window(10)]) is True  # both windows count
    assert frauds_rose([*USUAL, window(3), window(4)]) is False
    assert frauds_rose([*USUAL, window(0), window(0)]) is False


def test_frauds_count_for_any_source_and_any_decision():
    blocked = Quality(
        block=Outcomes(payments=500, analyst_fraud=8),
        review=Outcomes(payments=500, fraud=1, analyst_fraud=3),
    )
    assert frauds_rose([*USUAL, blocked, window(5)]) is True


def test_only_the_pooled_windows_count():
    many = [window(9)] * POOLED_WINDOWS
    assert frauds_rose([*many, *USUAL, window(9), window(8)]) is True


CHARGEBACKS = [
    window(frauds, labelled=frauds) for frauds in (2, 1, 3, 2, 1, 2, 2, 3)
]  # the others have no label


def test_frauds_count_among_all_payments_if_only_frauds_are_labelled():
    assert frauds_rose(CHARGEBACKS) is False
    assert frauds_rose([*CHARGEBACKS, window(9, labelled=9), window(8, labelled=8)]) is True


def test_an_analyst_who_clears_a_payment_does_not_hide_a_rise():
    assert frauds_rose([*CHARGEBACKS, window(9, labelled=10), window(8, labelled=8)]) is True


def test_more_labels_at_the_same_rate_are_not_a_rise():
    tenth = [window(1, labelled=100)] * (POOLED_WINDOWS - 2)
    assert frauds_rose([*tenth, window(8), window(9)]) is False
    assert (
        frauds_rose([*CHARGEBACKS, window(9), window(8)]) is False
    )  # only frauds were labelled before
    assert frauds_rose([*tenth, window(30), window(40)]) is True


def test_fewer_labels_are_not_a_rise():
    assert frauds_rose([*USUAL, window(1, labelled=100), window(0, labelled=100)]) is False
    assert frauds_rose([*USUAL, window(2, labelled=2), window(3, labelled=3)]) is False
    assert frauds_rose([*USUAL, window(9, labelled=9), window(8, labelled=8)]) is True


def test_windows_with_only_frauds_can_be_compared():
    assert frauds_rose([window(1_000)] * 5) is False


def test_windows_without_labels_are_skipped():
    nothing = [window(0, labelled=0)] * 10
    assert frauds_rose([*nothing, window(5), window(6)]) is None
    assert frauds_rose([*nothing, *USUAL, window(9), window(8)]) is True
    assert frauds_rose([*nothing, *USUAL[:8], window(9), *nothing[:1], window(8)]) is True
    assert frauds_rose([*USUAL, window(9), window(8), *nothing[:1]]) is None
    assert frauds_rose([]) is None


def test_gauges_are_absent_while_unknown():
    registry = CollectorRegistry()
    metrics = LabelMetrics(registry)
    assert "fraud_label_precision" not in generate_latest(registry).decode()
    found = quality(
        approve={LEGITIMATE: 3, FRAUD: 1}, review={FRAUD: 2, ANALYST_LEGITIMATE: 1}, block={None: 4}
    )
    metrics.show_quality(found, frauds_rose=None)
    value = registry.get_sample_value
    assert value("fraud_label_precision") == 2 / 3
    assert (value("fraud_label_precision_low"), value("fraud_label_precision_high")) == (
        found.precision.low,
        found.precision.high,
    )
    assert (value("fraud_label_recall"), value("fraud_labelled_share")) == (2 / 3, 1)
    assert value("fraud_label_payments", {"decision": "block", "truth": "unknown"}) == 4
    assert value("fraud_label_frauds_rose") is None
    metrics.show_quality(found, frauds_rose=True)
    assert value("fraud_label_frauds_rose") == 1
    metrics.show_quality(found, frauds_rose=False)
    assert value("fraud_label_frauds_rose") == 0
    metrics.show_quality(quality(approve={None: 5}), frauds_rose=None)
    page = generate_latest(registry).decode()
    assert "fraud_label_precision" not in page
    assert "fraud_label_recall" not in page
    assert "fraud_label_frauds_rose" not in page
    assert value("fraud_labelled_share") == 0
    assert page.count("fraud_label_payments{") == 9

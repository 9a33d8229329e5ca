"""The comparison of history: all systems compute the same features."""

from benchmarks.measurements import state


def test_a_dict_of_deques_finds_what_the_engine_finds():
    batches = state.draw_payments(rows=3_000, accounts=50, days=60, batch=512)
    payments = [
        (f"a{account:08d}", at, amount)
        for who, _, _, times, amounts in batches
        for account, at, amount in zip(who.tolist(), times.tolist(), amounts.tolist(), strict=True)
    ]
    _, expected = state.measure_dict(payments)
    _, found = state.measure_engine_of_five(payments)
    assert found == expected > 0

"""A few of the inputs that `make fuzz` tries by the million."""

import random

from fuzz import damage
from support.soundness import check_decoding


def test_damaged_transactions_are_transactions_or_dead_letters():
    rng = random.Random(7)
    outcomes = {check_decoding(damage(rng)) for _ in range(3000)}
    assert outcomes == {"accepted", "malformed_json", "invalid_transaction"}

"""Times of any year are shown."""

from datetime import UTC, datetime

import pytest

from cli.support.terminal import to_utc


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-01-31T12:00:00+01:00", "2026-01-31T11:00:00+00:00"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999+00:00"),
    ],
)
def test_a_time_out_of_range_in_utc_is_the_nearest_one(text, shown):
    assert to_utc(datetime.fromisoformat(text)) == datetime.fromisoformat(shown)
    assert to_utc(datetime.fromisoformat(text)).tzinfo is UTC

"""Times of any year are shown, and untrusted text cannot steer the terminal."""

from datetime import datetime

import pytest

from cli.support.terminal import format_utc


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-01-31T12:00:00+01:00", "2026-01-31 11:00:00"),
        ("0001-01-02T00:00:00.5Z", "0001-01-02 00:00:00"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01 00:00:00"),
        ("9999-12-31T23:59:59-14:00", "9999-12-31 23:59:59"),
    ],
)
def test_a_time_is_shown_in_utc_and_one_out_of_range_as_the_nearest(text, shown):
    assert format_utc(datetime.fromisoformat(text)) == shown

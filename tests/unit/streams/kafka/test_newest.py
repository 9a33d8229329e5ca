"""`look_back`: ranges of offsets from the end of a topic back."""

from itertools import islice

from streams.kafka.newest import look_back


def test_ranges_cover_each_partition_from_the_end_back():
    ranges = list(look_back({0: 5, 3: 0}, {0: 30, 3: 2}, window=2))
    assert [(begin[0], end[0]) for begin, end in ranges] == [(28, 30), (12, 28), (5, 12)]
    assert [(begin[3], end[3]) for begin, end in ranges] == [(0, 2), (0, 0), (0, 0)]


def test_an_empty_topic_has_no_ranges():
    assert list(look_back({0: 7}, {0: 7}, window=2)) == []


def test_ranges_grow():
    lengths = [end[0] - begin[0] for begin, end in islice(look_back({0: 0}, {0: 10**6}, 10), 3)]
    assert lengths == [10, 80, 640]

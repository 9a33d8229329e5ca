"""Records behind an open transaction, by what a cluster answers."""

from streams.kafka.open_transactions import find_hidden


class Cluster:
    """Partitions 0 and 1 of a log with these ends; each look at the stable ends takes the next."""

    def __init__(self, end, *stable):
        self.end = end
        self.stable = list(stable)

    def find_high_watermarks(self, _topic):
        return self.end

    def find_end(self, _topic, partitions):
        assert partitions == [0, 1]
        return self.stable.pop(0) if len(self.stable) > 1 else self.stable[0]


def test_what_was_appended_in_between_is_not_hidden():
    assert find_hidden(Cluster({0: 5, 1: 9}, {0: 5, 1: 12}), "transactions", 0) == {}


def test_a_short_transaction_is_waited_for():
    cluster = Cluster({0: 5, 1: 9}, {0: 5, 1: 2}, {0: 5, 1: 9})
    assert find_hidden(cluster, "transactions", 60) == {}


def test_a_transaction_that_stays_open_hides_what_is_behind_it():
    cluster = Cluster({0: 5, 1: 9}, {0: 5, 1: 2})
    assert find_hidden(cluster, "transactions", 0.3) == {1: 7}

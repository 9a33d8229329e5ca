"""Calls are repeated while their errors are transient."""

from threading import Event

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.kafka.retry import retry_for, retry_until

TRANSIENT = KafkaError(KafkaError._TRANSPORT)
REFUSED = KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED)


class Call:
    """Fails with these errors, one each time, then returns 7."""

    def __init__(self, *errors):
        self.errors = list(errors)

    def __call__(self):
        if self.errors:
            raise KafkaException(self.errors.pop(0))
        return 7


def test_a_transient_error_is_retried():
    assert retry_for(10.0, Call(TRANSIENT, TRANSIENT)) == 7
    retried = []
    assert retry_until(Event(), Call(TRANSIENT, TRANSIENT), retried.append) == 7
    assert retried == [TRANSIENT, TRANSIENT]


def test_another_error_is_raised_at_once():
    for retry in (
        lambda call: retry_for(10.0, call),
        lambda call: retry_until(Event(), call, print),
    ):
        call = Call(REFUSED, REFUSED)
        with pytest.raises(KafkaException, match="GROUP_AUTHORIZATION_FAILED"):
            retry(call)
        assert len(call.errors) == 1


def test_after_the_time_limit_the_last_error_is_raised():
    with pytest.raises(KafkaException, match="_TRANSPORT"):
        retry_for(0.0, Call(TRANSIENT, REFUSED))


def test_a_stop_ends_the_retries_without_a_result():
    stop = Event()
    assert retry_until(stop, Call(TRANSIENT), lambda _: stop.set(), pause_s=60.0) is None
    assert retry_until(stop, Call(), print) is None

"""Repeat calls to Kafka while their errors are transient (streams.kafka.errors.classify)."""

from collections.abc import Callable
from threading import Event
from typing import TypeVar

from confluent_kafka import KafkaError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_after_delay,
    wait_fixed,
)

from streams.kafka.errors import is_transient

Answer = TypeVar("Answer")

_PAUSE_S = 0.1
_TRANSIENT = retry_if_exception(is_transient)


def retry_for(timeout_s: float, call: Callable[[], Answer]) -> Answer:
    """Return the result of `call`, repeated for up to `timeout_s` seconds. Raise its last error."""
    return Retrying(
        retry=_TRANSIENT, wait=wait_fixed(_PAUSE_S), stop=stop_after_delay(timeout_s), reraise=True
    )(call)


def retry_until(
    stop: Event,
    call: Callable[[], Answer],
    on_retry: Callable[[KafkaError], None],
    pause_s: float = 0.0,
) -> Answer | None:
    """Return the result of `call`, repeated until it succeeds; None once `stop` is set.

    Raises its first error that is not transient.
    """

    def attempt() -> Answer | None:
        return None if stop.is_set() else call()

    def before_sleep(state: RetryCallState) -> None:
        if state.outcome and (error := state.outcome.exception()):
            on_retry(error.args[0])

    return Retrying(
        retry=_TRANSIENT,
        wait=wait_fixed(pause_s),
        sleep=sleep_using_event(stop),
        before_sleep=before_sleep,
    )(attempt)

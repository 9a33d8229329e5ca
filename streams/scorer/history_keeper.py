"""Keeps a worker's history, and holds partitions back until it has what their payments see."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException

from streams.history.block import Block
from streams.history.errors import HistoryGapError
from streams.history.follower import HistoryReader
from streams.kafka.errors import is_transient
from streams.scorer.batch import InFlight, ScoredBatch

if TYPE_CHECKING:
    from streams.history.state import History  # compiles its loops: only for schemas with history

log = logging.getLogger(__name__)

_ASK_EVERY_S = 0.02
_SAY_EVERY_S = 5.0
_MISSING_S = 30.0  # new partitions are noticed within 10 s


class HistoryKeeper:
    """Connects the topic `history` with the state, which only the agent's thread touches.

    `loop` is that thread's. `on_failure` takes the errors that must end the process.
    """

    def __init__(
        self,
        reader: HistoryReader,
        state: "History",
        in_flight: InFlight,
        loop: asyncio.AbstractEventLoop,
        on_failure: Callable[[BaseException], None],
        stopping: threading.Event,
    ) -> None:
        self._reader = reader
        self._state = state
        self._in_flight = in_flight
        self._loop = loop
        self._on_failure = on_failure
        self._stopping = stopping

    async def open(self) -> None:
        """Read the whole history, then follow it. Raises StreamError."""
        said_at = monotonic()

        def report(payments: int, share: float) -> None:
            nonlocal said_at
            if monotonic() - said_at > _SAY_EVERY_S:
                said_at = monotonic()
                log.info(
                    "restoring the history: %s payments, %.0f %%", f"{payments:,}", 100 * share
                )

        await asyncio.to_thread(self._reader.restore, self._fold, report, self._stopping)
        if self._stopping.is_set():
            return
        for number in range(self._reader.partitions):
            begin = self._reader.begins(number)
            if begin.is_cut:
                log.info("blocks of partition %d before %d are deleted", number, begin.offset)
        self._reader.start(self._receive, self._on_failure)

    def close(self) -> None:
        """Stop following the history."""
        self._reader.close()

    def record_commit(self, scored: ScoredBatch) -> None:
        """Take note that a batch is committed. For the thread that commits."""
        if scored.applied is not None:
            scored.applied.committed = True
            self._loop.call_soon_threadsafe(self._try, self._settle)

    def wait_until_ready(self, positions: Mapping[int, int], beginnings: Mapping[int, int]) -> bool:
        """Wait until everything before these offsets is applied, by partition; False on a stop.

        For the consumer's thread. `beginnings`: the first offsets that the topic still has. Raises
        HistoryGapError if the history lacks something or has more.
        """
        began_at = said_at = monotonic()
        waiting: list[int] | None = None
        while not self._stopping.wait(0 if waiting is None else _ASK_EVERY_S):
            waiting = self._look(positions, beginnings, [])
            if waiting:
                # judged before the next look, which then has all that was there
                complete = self._find_complete(waiting)
                waiting = self._look(positions, beginnings, complete)
            if not waiting:
                return True
            self._refuse_missing(waiting, monotonic() - began_at)
            if monotonic() - said_at > _SAY_EVERY_S:
                said_at = monotonic()
                log.info("partitions %s wait for the history of their last batches", waiting)
        return False

    def _find_complete(self, partitions: Iterable[int]) -> list[int]:
        """Return the partitions of which every block that there is was received."""
        known = [number for number in partitions if number < self._reader.partitions]
        try:
            return [number for number in known if self._reader.is_at_end(number)]
        except KafkaException as error:
            if not is_transient(error):
                raise
            return []

    def _refuse_missing(self, partitions: Iterable[int], waited_s: float) -> None:
        """Raise HistoryGapError if the topic `history` still lacks one of the partitions."""
        count = self._reader.partitions
        if waited_s > _MISSING_S and max(partitions) >= count:
            raise HistoryGapError(
                f"the topic `history` has {count} partitions, and `transactions` has more: add "
                "partitions to `history`, so that it has as many"
            )

    def _look(
        self, positions: Mapping[int, int], beginnings: Mapping[int, int], complete: list[int]
    ) -> list[int]:
        """Ask the agent's thread which partitions still have to wait."""
        looked = self._list_waiting(positions, beginnings, complete)
        return asyncio.run_coroutine_threadsafe(looked, self._loop).result()

    async def _list_waiting(
        self, positions: Mapping[int, int], beginnings: Mapping[int, int], complete: list[int]
    ) -> list[int]:
        """Return the partitions whose history is still to come. Raises HistoryGapError."""
        self._settle()
        waiting = []
        for number, offset in positions.items():
            found = self._state.find_next(number)
            if found == offset:
                continue
            if found is not None and found > offset:
                raise HistoryGapError(
                    f"partition {number}: next to read is offset {offset}, but the history has "
                    f"everything before {found}: these payments would count twice. If the group's "
                    "offsets were set back, set them forward again; if `transactions` was made "
                    "anew, delete the topic `history` too and run `fraud topics`"
                )
            if number not in complete:
                waiting.append(number)
            elif found is None and (self._state.accepts_gap or offset <= beginnings[number]):
                self._state.begin(number, offset)
            elif not self._state.accepts_gap:
                first = 0 if found is None else found
                raise HistoryGapError(
                    f"the history lacks the payments of partition {number} from offset {first} to "
                    f"{offset - 1}, which will not be read again: it was deleted, the group's "
                    "offsets were set forward, or they were scored with a schema without history. "
                    "Set the offsets back to read them; or, if they are gone or do not matter, "
                    "start with --accept-history-gap"
                )
        return waiting

    def _fold(self, read: Iterable[tuple[int, Block, int]]) -> None:
        blocks = [block for _, block, _ in read]
        self._state.receive(blocks, self._in_flight.epoch, self._in_flight.count == 0)
        self._state.sweep(self._reader.partitions)

    def _receive(self, read: list[tuple[int, Block, int]]) -> None:
        """Hand blocks over to the agent's thread."""
        self._loop.call_soon_threadsafe(self._try, partial(self._fold, read))

    def _settle(self) -> None:
        self._state.settle(self._in_flight.epoch, self._in_flight.count == 0)
        self._state.sweep(self._reader.partitions)

    def _try(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # no error may go unnoticed
            self._on_failure(error)

"""The state of one entity: its payments, its known frauds, and what is not final yet."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from payments.arrays import Hashes, Ints, Singles
from payments.state import kernels
from payments.state.columns import Columns
from payments.state.kernels import Batch, Undo
from payments.state.memory import count_bytes, count_entities, grow, make_memory
from payments.state.plan import LATENESS_MS, EntityPlan


@dataclass
class _Ticket:
    """A batch that is not final: how to undo the events that it stored."""

    undo: Undo
    stored: int = 0


class Store:
    """The payments and frauds of the entities of one field."""

    def __init__(self, plan: EntityPlan) -> None:
        self.plan = plan
        self._payments = make_memory(plan.width)
        self._frauds = make_memory(kernels.FRAUD_WIDTH)
        self._tickets: deque[_Ticket] = deque()
        self._swept = 0  # where the next sweep of payments begins
        self._swept_frauds = 0

    def apply(self, columns: Columns, out: Singles) -> None:
        """Store payments, and write their features to the rows of `out`, if it has any."""
        rows = len(columns.times)
        hashes = np.empty((len(self.plan.compared), rows), np.int64)
        for number, name in enumerate(self.plan.compared):
            hashes[number] = columns.hashes[name].view(np.int64)
        batch = Batch(
            keys=columns.hashes[self.plan.entity].view(np.int64),
            times=columns.times,
            amounts=columns.amounts,
            hashes=hashes,
            alone=np.zeros(rows, np.bool_) if columns.alone is None else columns.alone,
        )
        keys, newest, backs = np.empty((3, rows), np.int64)
        ticket = _Ticket(Undo(keys, newest, backs, np.empty(rows, np.bool_)))
        self._tickets.append(ticket)  # first, so that `undo` is right if memory runs out below
        row = 0
        while row < rows:
            row, lacking, ticket.stored = kernels.fold(
                self._payments,
                self._frauds,
                self.plan.kernel,
                batch,
                ticket.undo,
                row,
                ticket.stored,
                out,
            )
            if lacking:
                self._payments = grow(self._payments, lacking)

    def commit(self) -> None:
        """Make the oldest batch final, and drop what it put out of sight."""
        ticket = self._tickets.popleft()
        horizon = self.plan.kernel.horizon
        kernels.settle(self._payments, self._frauds, ticket.undo, ticket.stored, horizon)

    def undo(self) -> None:
        """Take the newest batch back."""
        ticket = self._tickets.pop()
        kernels.take_back(self._payments, ticket.undo, ticket.stored)

    def rollback(self) -> None:
        """Take all batches back that are not final."""
        while self._tickets:
            self.undo()

    def add_frauds(self, keys: Hashes, times: Ints) -> None:
        """Store frauds by the entity and time of their payments."""
        known = keys != 0
        keys, times = keys[known].view(np.int64), times[known]
        row = 0
        while row < len(keys):
            row, lacking = kernels.add_times(self._frauds, keys, times, row)
            if lacking:
                self._frauds = grow(self._frauds, lacking)

    def remove_frauds(self, keys: Hashes, times: Ints) -> None:
        """Remove frauds that turned out to be none."""
        kernels.remove_times(self._frauds, keys.view(np.int64), times)

    def sweep(self, watermark_ms: int, places: int) -> None:
        """Forget entities that no payment from a day before the watermark on can see."""
        bound = watermark_ms - LATENESS_MS - self.plan.kernel.horizon
        pending = [ticket.undo.keys[: ticket.stored] for ticket in self._tickets]
        kept = np.unique(np.concatenate([np.empty(0, np.int64), *pending]))
        self._swept = kernels.sweep(self._payments, bound, kept, self._swept, places)
        self._swept_frauds = kernels.sweep(self._frauds, bound, kept, self._swept_frauds, places)

    @property
    def memory_bytes(self) -> int:
        """Bytes of payments and frauds, including what is reserved for more."""
        return count_bytes(self._payments) + count_bytes(self._frauds)

    @property
    def entities(self) -> int:
        """How many entities have payments."""
        return count_entities(self._payments)

"""What state a schema's features need, and which column each feature goes to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from payments.arrays import Ints
from payments.schema.declaration import Declaration, Risk, Velocity, parse_span
from payments.schema.reading import Schema
from payments.state import kernels
from payments.state.kernels import COUNT, DISTINCT, ITSELF, MAX, MEAN, RATIO, SINCE_LAST, SUM

DAY_MS = 86_400_000
LATENESS_MS = DAY_MS
"""A payment that is up to this much late still sees all of its windows."""

_WITHOUT_WINDOWS_MS = 30 * DAY_MS  # how far back `since_last` looks if nothing else needs history
_MEASURES = {"count": COUNT, "sum": SUM, "mean": MEAN, "max": MAX}


class EntityPlan(NamedTuple):
    """The state of one entity: its field, the fields it compares, what the kernels compute."""

    entity: str
    compared: tuple[str, ...]
    kernel: kernels.Plan

    @property
    def width(self) -> int:
        """Words of 8 bytes that a payment takes."""
        return kernels.PAYMENT_WIDTH + len(self.compared)


class _Output(NamedTuple):
    """One feature of velocity. `window`: ms, or None for the horizon."""

    measure: int
    column: int
    partner: str | None
    window: int | None = None
    distinct: str | None = None


def find_horizon(schema: Schema) -> int:
    """Return how far back the features of a schema look, in ms; 0 if none needs history."""
    return max((plan.kernel.horizon for plan in make_plans(schema)), default=0)


def make_plans(schema: Schema) -> list[EntityPlan]:
    """Return a plan for each entity with history.

    A pair is found in the history of one of the two: the message key's, or else the first one's.
    """
    declaration = schema.declaration
    drafts: dict[str, _Draft] = {}
    columns = iter(range(len(schema.features)))  # in the order of schema.history_features
    for velocity in declaration.features.velocity:
        entity, partner = _choose_host(velocity, declaration)
        drafts.setdefault(entity, _Draft()).add_velocity(velocity, partner, columns)
    for risk in declaration.features.risk:
        drafts.setdefault(risk.entity, _Draft()).add_risk(risk, columns)
    scale = 10.0 ** declaration.fields[declaration.roles.amount].decimals
    return [_finish(entity, draft, scale) for entity, draft in drafts.items()]


def _choose_host(velocity: Velocity, declaration: Declaration) -> tuple[str, str | None]:
    """Return the entity whose history serves these features, and the other one of a pair."""
    if len(velocity.fields) == 1:
        return velocity.fields[0], None
    first, second = velocity.fields
    return (second, first) if second == declaration.roles.key else (first, second)


@dataclass
class _Draft:
    """Collects what the features of one entity need."""

    partners: list[str | None] = field(default_factory=lambda: [None])
    outputs: list[_Output] = field(default_factory=list)
    risks: list[tuple[int, int, int, int]] = field(default_factory=list)

    def add_velocity(self, velocity: Velocity, partner: str | None, columns: Iterator[int]) -> None:
        if partner not in self.partners:
            self.partners.append(partner)
        add = self.outputs.append
        for window in map(parse_span, velocity.windows):
            for measure in velocity.measures:
                add(_Output(_MEASURES[measure], next(columns), partner, window))
            if velocity.distinct is not None:
                add(_Output(DISTINCT, next(columns), partner, window, velocity.distinct))
        if velocity.since_last:
            add(_Output(SINCE_LAST, next(columns), partner))
        if velocity.ratio_to_mean is not None:
            add(_Output(RATIO, next(columns), partner, parse_span(velocity.ratio_to_mean)))

    def add_risk(self, risk: Risk, columns: Iterator[int]) -> None:
        for window in map(parse_span, risk.windows):
            self.risks.append((window, parse_span(risk.delay), next(columns), next(columns)))


def _finish(entity: str, draft: _Draft, scale: float) -> EntityPlan:
    outputs, partners = draft.outputs, draft.partners
    windows = sorted({output.window for output in outputs if output.window is not None})
    order: dict[int | None, int] = {window: place for place, window in enumerate(windows)}
    order[None] = len(windows)
    compared = sorted(
        {name for name in partners if name} | {each.distinct for each in outputs if each.distinct}
    )
    reaches = [*windows, *(window + delay for window, delay, *_ in draft.risks)]
    groups = []
    distincts: dict[tuple[str | None, str | None], tuple[int, int, int]] = {}
    rows = []
    for group, partner in enumerate(partners):
        mine = [output for output in outputs if output.partner == partner]
        last = max((order[output.window] for output in mine), default=0)
        wants_top = any(output.measure == MAX for output in mine)
        groups.append((compared.index(partner) if partner else ITSELF, last, int(wants_top)))
        for output in mine:
            distinct = 0
            if output.distinct is not None:
                key = (partner, output.distinct)
                place = order[output.window]
                _, _, reach = distincts.get(key, (0, 0, 0))
                distincts[key] = (group, compared.index(output.distinct), max(reach, place))
                distinct = list(distincts).index(key)
            rows.append((output.measure, output.column, group, order[output.window], distinct))
    plan = kernels.Plan(
        horizon=max(reaches, default=_WITHOUT_WINDOWS_MS) + LATENESS_MS,
        scale=scale,
        windows=np.array(windows, np.int64),
        groups=_make_table(groups, 3),
        distincts=_make_table(list(distincts.values()), 3),
        outputs=_make_table(rows, 5),
        risks=_make_table(sorted(draft.risks, key=lambda risk: (risk[1], risk[0])), 4),
    )
    return EntityPlan(entity, tuple(compared), plan)


def _make_table(rows: Sequence[Sequence[int]], width: int) -> Ints:
    return np.array(rows, np.int64).reshape(len(rows), width)

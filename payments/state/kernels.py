"""The compiled loops over the state: a `Memory` of runs, and the features of a batch of rows.

A *run* is the events of one entity in order of time: a ring of `capacity` events after a head of
four words. Its columns follow each other: times in ms; running sums of the amounts in minor units,
so that the sum of any window is one subtraction; hashes of the fields that are compared. A run of
width 1 has times only.

Runs of one capacity share pages without gaps: the last run of that capacity moves to the place of
one that is given back, and an empty page serves any capacity. So memory follows what is stored,
however entities grow and shrink. A table with open addressing finds an entity's run.

Events of the same time are ordered by their other columns: a run depends on the set of its events,
not on the order of their arrival.

All of this is one module because Numba's cache notices a change in the module of the function that
Python calls, but not in others.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from payments.arrays import Flags, Ints, Singles

Word = int | np.int64

NO_TABLE = -1  # what is lacking when the table is full; a positive number is words of the pool
USED, FREE, ENTITIES = range(3)  # columns of `Memory.totals`
COUNT, SUM, MEAN, MAX, DISTINCT, SINCE_LAST, RATIO = range(7)  # measures of `Plan.outputs`
NEWEST = 1024  # events at most that are looked at one by one
ITSELF = -1  # in place of a pair's partner
HEAD = 4  # words before the events of a run
PAYMENT_WIDTH, FRAUD_WIDTH = 2, 1  # words of an event, without hashes
PAGE = 1 << 14  # words
SHARED = PAGE // 8  # words of a run; a longer one has pages of its own

_KEY, _START, _LENGTH, _CARRY = range(HEAD)  # _CARRY: the running sum before the first event
_TIMES, _SUMS, _HASHES = range(3)  # the columns of a run; there may be several of hashes
_NONE = -1

# A place of the table has 39 bits of base, 8 of size class, 16 of hash; 0 is free.
_BASE_SHIFT, _CLASS_SHIFT, _CLASS_MASK, _TAG_MASK = 24, 16, 0xFF, 0xFFFF
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)  # of SplitMix64
_SET_PLACES = 2 * NEWEST
_AHEAD = 16  # rows whose memory is read together


class Memory(NamedTuple):
    """Runs of events of one width, and the table that finds them.

    `pool`: words. `table`: a power of two of places. `chains[class]`: its last page, and how many
    runs that has. `capacities[class]`: events. `totals`: USED words of the pool, first FREE page,
    number of ENTITIES. `width`: words of an event.
    """

    pool: Ints
    table: Ints
    chains: Ints
    capacities: Ints
    totals: Ints
    width: int


class Run(NamedTuple):
    """One entity's events: word `base` of a pool, the ring's `capacity` and first place."""

    base: Word
    capacity: Word
    start: Word
    length: Word


class Plan(NamedTuple):
    """The features of one entity; all spans in ms.

    `windows`: ascending. `groups[g]` = (hash column of the partner or ITSELF, last window, 1 if the
    largest amount is wanted): group 0 is the entity itself, the others are pairs. A last window of
    `len(windows)` is the horizon. `distincts[d]` = (group, hash column, last window). `outputs` =
    (measure, column, group, window, distinct). `risks` = (window, delay, column of the count,
    column of the share), by delay and window. `scale`: minor units of one unit.
    """

    horizon: int
    scale: float
    windows: Ints
    groups: Ints
    distincts: Ints
    outputs: Ints
    risks: Ints


class Batch(NamedTuple):
    """Rows. `keys`: 0 if missing. `hashes[column, row]`. `alone`: it sees no other row."""

    keys: Ints
    times: Ints
    amounts: Ints
    hashes: Ints
    alone: Flags


class Undo(NamedTuple):
    """What a batch has stored, in order.

    `newest`: the entity's newest time then. `backs`: the event's distance from the run's end.
    `stale`: a sixteenth of the run or more was out of sight.
    """

    keys: Ints
    newest: Ints
    backs: Ints
    stale: Flags


class Found(NamedTuple):
    """What a row sees, by group and window.

    `starts[w]`: the first event of a window; the last of them is that of the horizon. `since`: ms,
    or -1. `seen`: a set of (mark, value) that a new `mark` empties.
    """

    starts: Ints
    counts: Ints
    sums: Ints
    tops: Ints
    since: Ints
    different: Ints
    seen: Ints
    mark: Ints


# --------------------------------------------------------------------------------------- table
@njit(cache=True)
def _mix(key: Word) -> np.uint64:
    x = np.uint64(key)
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return x ^ (x >> np.uint64(31))


@njit(cache=True)
def _find_home(table: Ints, key: Word) -> Word:
    return np.int64(_mix(key) & np.uint64(len(table) - 1))


@njit(cache=True)
def _find(memory: Memory, key: Word) -> Word:
    """Return the place of a key, or the free place that it would take."""
    table = memory.table
    at = _find_home(table, key)
    tag = np.int64(_mix(key) >> np.uint64(48))
    while True:
        entry = table[at]
        if entry == 0:
            return at
        if entry & _TAG_MASK == tag and memory.pool[entry >> _BASE_SHIFT] == key:
            return at
        at = (at + 1) & (len(table) - 1)


@njit(cache=True)
def _make_entry(base: Word, size_class: Word, key: Word) -> Word:
    tag = np.int64(_mix(key) >> np.uint64(48))
    return base << _BASE_SHIFT | size_class << _CLASS_SHIFT | tag


@njit(cache=True)
def _get_class(entry: Word) -> Word:
    return (entry >> _CLASS_SHIFT) & _CLASS_MASK


@njit(cache=True)
def _clear(memory: Memory, at: Word) -> None:
    """Free a place, and move up the entries behind it that would not be found any more."""
    table = memory.table
    last = len(table) - 1
    gap = at
    at = (at + 1) & last
    while table[at] != 0:
        home = _find_home(table, memory.pool[table[at] >> _BASE_SHIFT])
        if (at - home) & last >= (at - gap) & last:
            table[gap] = table[at]
            gap = at
        at = (at + 1) & last
    table[gap] = 0


@njit(cache=True)
def rehash(memory: Memory, table: Ints) -> None:
    """Enter every run of a memory into an empty table that is to replace its own."""
    for entry in memory.table:
        if entry != 0:
            at = _find_home(table, memory.pool[entry >> _BASE_SHIFT])
            while table[at] != 0:
                at = (at + 1) & (len(table) - 1)
            table[at] = entry


# ---------------------------------------------------------------------------------------- pool
@njit(cache=True)
def _count_words(memory: Memory, size_class: Word) -> Word:
    return HEAD + memory.capacities[size_class] * memory.width


@njit(cache=True)
def _count_page_words(words: Word) -> Word:
    """Return the words of a page for runs of `words`; the first is a link to another page."""
    return PAGE if words <= SHARED else (words + PAGE) // PAGE * PAGE


@njit(cache=True)
def _count_lacking(memory: Memory, size_class: Word) -> Word:
    """Return how many words the pool has to grow by before it can take a run of this class."""
    words = _count_words(memory, size_class)
    page_words = _count_page_words(words)
    page, runs = memory.chains[size_class]
    if page != _NONE and runs < (page_words - 1) // words:
        return 0
    if page_words == PAGE and memory.totals[FREE] != _NONE:
        return 0
    return max(0, memory.totals[USED] + page_words - len(memory.pool))


@njit(cache=True)
def _take(memory: Memory, size_class: Word) -> Word:
    """Return the base of a new run. The pool has room for it."""
    pool, chains, totals = memory.pool, memory.chains, memory.totals
    words = _count_words(memory, size_class)
    page_words = _count_page_words(words)
    page = chains[size_class, 0]
    if page == _NONE or chains[size_class, 1] == (page_words - 1) // words:
        previous = page
        if page_words == PAGE and totals[FREE] != _NONE:
            page = totals[FREE]
            totals[FREE] = pool[page]
        else:
            page = totals[USED]
            totals[USED] += page_words
        pool[page] = previous
        chains[size_class, 0] = page
        chains[size_class, 1] = 0
    base = page + 1 + chains[size_class, 1] * words
    chains[size_class, 1] += 1
    return base


@njit(cache=True)
def _give_back(memory: Memory, base: Word, size_class: Word) -> None:
    """Free a run that the table no longer knows: the last one of its class takes its place."""
    pool, chains, totals = memory.pool, memory.chains, memory.totals
    words = _count_words(memory, size_class)
    page_words = _count_page_words(words)
    page = chains[size_class, 0]
    chains[size_class, 1] -= 1
    last = page + 1 + chains[size_class, 1] * words
    if last != base:
        key = pool[last + _KEY]
        at = _find(memory, key)
        for i in range(words):
            pool[base + i] = pool[last + i]
        memory.table[at] = _make_entry(base, size_class, key)
    if chains[size_class, 1] == 0:
        chains[size_class, 0] = pool[page]
        if pool[page] != _NONE:
            chains[size_class, 1] = (page_words - 1) // words
        for part in range(page, page + page_words, PAGE):
            pool[part] = totals[FREE]
            totals[FREE] = part


@njit(cache=True)
def _move(memory: Memory, at: Word, size_class: Word) -> None:
    """Move the run of a place of the table to another size class. The pool has room for it."""
    pool = memory.pool
    entry = memory.table[at]
    old = _open(memory, entry)
    new = _take(memory, size_class)
    for i in range(HEAD):
        pool[new + i] = pool[old.base + i]
    pool[new + _START] = 0
    for column in range(memory.width):
        target = new + HEAD + column * memory.capacities[size_class]
        for k in range(old.length):
            pool[target + k] = pool[_find_word(old, column, k)]
    memory.table[at] = _make_entry(new, size_class, pool[old.base + _KEY])
    _give_back(memory, old.base, _get_class(entry))


# ----------------------------------------------------------------------------------------- run
@njit(cache=True)
def _open(memory: Memory, entry: Word) -> Run:
    base = entry >> _BASE_SHIFT
    capacity = memory.capacities[_get_class(entry)]
    return Run(base, capacity, memory.pool[base + _START], memory.pool[base + _LENGTH])


@njit(cache=True)
def _find_word(run: Run, column: Word, k: Word) -> Word:
    place = run.start + k
    if place >= run.capacity:
        place -= run.capacity
    return run.base + HEAD + column * run.capacity + place


@njit(cache=True)
def _get(pool: Ints, run: Run, column: Word, k: Word) -> Word:
    """Return a column of the k-th event."""
    return pool[_find_word(run, column, k)]


@njit(cache=True)
def _sum_before(pool: Ints, run: Run, k: Word) -> Word:
    """Return the running sum before the k-th event."""
    return pool[run.base + _CARRY] if k == 0 else _get(pool, run, _SUMS, k - 1)


@njit(cache=True)
def _get_amount(pool: Ints, run: Run, k: Word) -> Word:
    return _get(pool, run, _SUMS, k) - _sum_before(pool, run, k)


@njit(cache=True)
def _count_until(pool: Ints, run: Run, high: Word, time: Word) -> Word:
    """Return how many of the first `high` events are at or before a time."""
    low = high
    step = 1  # 1, 2, 4 ... back, then halving: most windows are short
    while low > 0 and _get(pool, run, _TIMES, low - 1) > time:
        high = low - 1
        low = max(0, low - step)
        step <<= 1
    while low < high:
        middle = (low + high) >> 1
        if _get(pool, run, _TIMES, middle) <= time:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True)
def _is_after(
    pool: Ints, run: Run, width: Word, k: Word, time: Word, amount: Word, hashes: Ints, row: Word
) -> bool:
    """Return whether the k-th event belongs behind the event of a row."""
    if _get(pool, run, _TIMES, k) != time or width == 1:
        return _get(pool, run, _TIMES, k) > time
    if _get_amount(pool, run, k) != amount:
        return _get_amount(pool, run, k) > amount
    for column in range(width - _HASHES):
        there = _get(pool, run, _HASHES + column, k)
        if there != hashes[column, row]:
            return there > hashes[column, row]
    return False


@njit(cache=True)
def _make_room(memory: Memory, at: Word, key: Word) -> Word:
    """Make room for one more event in the run of a key, whose place is known.

    A new entity gets a run without events. If something is lacking, return it and change nothing.
    """
    table, pool, totals = memory.table, memory.pool, memory.totals
    entry = table[at]
    size_class = 0
    if entry != 0:
        size_class = _get_class(entry) + 1
        base = entry >> _BASE_SHIFT
        if pool[base + _LENGTH] < memory.capacities[size_class - 1]:
            return 0
    elif 10 * (totals[ENTITIES] + 1) > 7 * len(table):
        return NO_TABLE
    lacking = _count_lacking(memory, size_class)
    if lacking:
        return lacking
    if entry != 0:
        _move(memory, at, size_class)
        return 0
    base = _take(memory, 0)
    pool[base : base + HEAD] = 0
    pool[base + _KEY] = key
    table[at] = _make_entry(base, 0, key)
    totals[ENTITIES] += 1
    return 0


@njit(cache=True)
def _insert(memory: Memory, entry: Word, time: Word, amount: Word, hashes: Ints, row: Word) -> Word:
    """Put an event in its place in a run that has room. Returns that place."""
    pool, width = memory.pool, memory.width
    run = _open(memory, entry)
    k = run.length
    while k > 0 and _is_after(pool, run, width, k - 1, time, amount, hashes, row):
        k -= 1
    for column in range(width):
        added = amount if column == _SUMS else 0
        for i in range(run.length, k, -1):
            pool[_find_word(run, column, i)] = _get(pool, run, column, i - 1) + added
    pool[_find_word(run, _TIMES, k)] = time
    if width > _SUMS:
        pool[_find_word(run, _SUMS, k)] = _sum_before(pool, run, k) + amount
    for column in range(width - _HASHES):
        pool[_find_word(run, _HASHES + column, k)] = hashes[column, row]
    pool[run.base + _LENGTH] = run.length + 1
    return k


@njit(cache=True)
def _remove(memory: Memory, at: Word, k: Word) -> None:
    """Take the k-th event out of the run of a place, and the entity out with its last event."""
    pool, width = memory.pool, memory.width
    run = _open(memory, memory.table[at])
    if run.length == 1:
        _forget(memory, at)
        return
    amount = _get_amount(pool, run, k) if width > _SUMS else 0
    for column in range(width):
        removed = amount if column == _SUMS else 0
        for i in range(k, run.length - 1):
            pool[_find_word(run, column, i)] = _get(pool, run, column, i + 1) - removed
    pool[run.base + _LENGTH] = run.length - 1


@njit(cache=True)
def _forget(memory: Memory, at: Word) -> None:
    """Take the entity of a place out."""
    entry = memory.table[at]
    _clear(memory, at)
    _give_back(memory, entry >> _BASE_SHIFT, _get_class(entry))
    memory.totals[ENTITIES] -= 1


@njit(cache=True)
def _evict(memory: Memory, at: Word, bound: Word) -> None:
    """Drop the events at or before a time; move a run to a class that is a sixteenth smaller."""
    pool, capacities = memory.pool, memory.capacities
    run = _open(memory, memory.table[at])
    dropped = _count_until(pool, run, run.length, bound)
    length = run.length - dropped
    if length == 0:
        _forget(memory, at)
        return
    if memory.width > _SUMS:
        pool[run.base + _CARRY] = _sum_before(pool, run, dropped)
    start = run.start + dropped
    pool[run.base + _START] = start if start < run.capacity else start - run.capacity
    pool[run.base + _LENGTH] = length
    smaller = _get_class(memory.table[at])
    while smaller > 0 and capacities[smaller - 1] >= length + 1:
        smaller -= 1
    if 16 * capacities[smaller] <= 15 * run.capacity and _count_lacking(memory, smaller) == 0:
        _move(memory, at, smaller)


# ------------------------------------------------------------------------------------- batches
@njit(cache=True)
def fold(
    memory: Memory,
    frauds: Memory,
    plan: Plan,
    batch: Batch,
    undo: Undo,
    first: int,
    stored: int,
    out: Singles,
) -> tuple[Word, Word, Word]:
    """Store rows `first`, ... in order, and write the features of each to its row of `out`.

    `out` without rows: only store. Returns the first row that was not stored because something is
    lacking (or the number of rows), what is lacking (or 0), and how many events the batch stored.
    """
    pool, keys, windows = memory.pool, batch.keys, plan.windows
    wanted = len(out) > 0
    deepest = plan.groups[:, 1].max()
    found = _make_found(plan)
    touched = np.zeros(1, np.int64)
    for row in range(first, len(keys)):
        if (row - first) % _AHEAD == 0:
            _touch(memory, keys, row, touched)
        key, time = keys[row], batch.times[row]
        if key == 0:
            continue
        newest = time
        at = _find(memory, key)
        entry = memory.table[at]
        if entry != 0:
            run = _open(memory, entry)
            newest = max(time, _get(pool, run, _TIMES, run.length - 1))
        oldest = newest - plan.horizon  # what is not after this is out of sight
        if batch.alone[row] or time <= oldest:
            if wanted:
                _measure_alone(plan, batch, row, found, out)
            continue
        lacking = _make_room(memory, at, key)
        if lacking:
            return row, lacking, stored
        entry = memory.table[at]
        k = _insert(memory, entry, time, batch.amounts[row], batch.hashes, row)
        run = _open(memory, entry)
        undo.keys[stored] = key
        undo.newest[stored] = newest
        undo.backs[stored] = run.length - 1 - k
        undo.stale[stored] = _get(pool, run, _TIMES, run.length // 16) <= oldest
        stored += 1
        if not wanted:
            continue
        high = k + 1  # some of the same time may be behind it
        while high < run.length and _get(pool, run, _TIMES, high) == time:
            high += 1
        low = high
        for w in range(len(windows)):
            low = _count_until(pool, run, low, max(time - windows[w], oldest))
            found.starts[w] = low
        if deepest == len(windows):
            found.starts[deepest] = _count_until(pool, run, low, oldest)
        _measure_itself(pool, run, k, high, plan.groups, found)
        for g in range(1, len(plan.groups)):
            _measure_pair(pool, run, k, high, plan.groups, g, found)
        for d in range(len(plan.distincts)):
            _count_different(pool, run, k, high, plan, d, found)
        _write(plan, batch, row, found, out)
        if len(plan.risks):
            _write_risks(pool, run, frauds, key, time, oldest, plan.risks, row, out)
    return len(keys), 0, stored


@njit(cache=True)
def _touch(memory: Memory, keys: Ints, first: Word, touched: Ints) -> None:
    """Read the memory of the next rows together, so that its delays overlap."""
    end = min(len(keys), first + _AHEAD)
    for row in range(first, end):
        touched[0] += memory.table[_find_home(memory.table, keys[row])]
    for row in range(first, end):
        entry = memory.table[_find_home(memory.table, keys[row])]
        touched[0] += memory.pool[(entry >> _BASE_SHIFT) + _LENGTH]
    for row in range(first, end):
        entry = memory.table[_find_home(memory.table, keys[row])]
        if entry != 0:
            run = _open(memory, entry)
            for column in range(memory.width):
                touched[0] += _get(memory.pool, run, column, run.length - 1)


@njit(cache=True)
def _make_found(plan: Plan) -> Found:
    groups, windows = len(plan.groups), len(plan.windows) + 1
    return Found(
        np.zeros(windows, np.int64),
        np.zeros((groups, windows), np.int64),
        np.zeros((groups, windows), np.int64),
        np.zeros((groups, windows), np.int64),
        np.zeros(groups, np.int64),
        np.zeros((len(plan.distincts), windows), np.int64),
        np.zeros((_SET_PLACES, 2), np.int64),
        np.zeros(1, np.int64),
    )


@njit(cache=True)
def _measure_alone(plan: Plan, batch: Batch, row: Word, found: Found, out: Singles) -> None:
    """Write the features of a row that sees only itself."""
    found.counts[:] = 1
    found.sums[:] = batch.amounts[row]
    found.tops[:] = batch.amounts[row]
    found.since[:] = _NONE
    for d in range(len(plan.distincts)):
        found.different[d] = 1 if batch.hashes[plan.distincts[d, 1], row] != 0 else 0
    _write(plan, batch, row, found, out)
    for r in range(len(plan.risks)):
        out[row, plan.risks[r, 2]] = 0


@njit(cache=True)
def _measure_itself(pool: Ints, run: Run, k: Word, high: Word, groups: Ints, found: Found) -> None:
    """Set an entity's counts, sums and largest amounts by window, and ms since its last event.

    The k-th event is the row's own, and the one before `high` is the last that it sees.
    """
    low = max(0, high - NEWEST)
    until = _get(pool, run, _SUMS, high - 1)
    top = _get_amount(pool, run, k)
    i = high - 1
    for w in range(len(found.starts) - 1):
        begin = found.starts[w]
        found.counts[0, w] = high - begin
        found.sums[0, w] = until - _sum_before(pool, run, begin)
        if groups[0, 2]:
            while i >= max(begin, low):
                top = max(top, _get_amount(pool, run, i))
                i -= 1
            found.tops[0, w] = top
    other = k - 1 if k == high - 1 else high - 1
    found.since[0] = _NONE
    if groups[0, 1] == len(found.starts) - 1 and other >= found.starts[-1]:
        found.since[0] = _get(pool, run, _TIMES, k) - _get(pool, run, _TIMES, other)


@njit(cache=True)
def _measure_pair(
    pool: Ints, run: Run, k: Word, high: Word, groups: Ints, g: Word, found: Found
) -> None:
    """Set the same of a pair: of the events with the row's own value in the partner's column."""
    column = _HASHES + groups[g, 0]
    own = _get(pool, run, column, k)
    low = max(0, high - NEWEST)
    count = 1
    total = _get_amount(pool, run, k)
    top = total
    found.since[g] = _NONE
    i = high - 1
    for w in range(groups[g, 1] + 1):
        while i >= max(found.starts[w], low):
            if _get(pool, run, column, i) == own and i != k:
                amount = _get_amount(pool, run, i)
                count += 1
                total += amount
                top = max(top, amount)
                if found.since[g] == _NONE:
                    found.since[g] = _get(pool, run, _TIMES, k) - _get(pool, run, _TIMES, i)
            i -= 1
        found.counts[g, w] = count
        found.sums[g, w] = total
        found.tops[g, w] = top


@njit(cache=True)
def _count_different(
    pool: Ints, run: Run, k: Word, high: Word, plan: Plan, d: Word, found: Found
) -> None:
    """Set how many different values a field has by window, missing ones not counted."""
    partner = plan.groups[plan.distincts[d, 0], 0]
    column = _HASHES + plan.distincts[d, 1]
    low = max(0, high - NEWEST)
    found.mark[0] += 1
    different = _add(found, _get(pool, run, column, k))
    i = high - 1
    for w in range(plan.distincts[d, 2] + 1):
        while i >= max(found.starts[w], low):
            if partner == ITSELF or (
                _get(pool, run, _HASHES + partner, i) == _get(pool, run, _HASHES + partner, k)
            ):
                different += _add(found, _get(pool, run, column, i))
            i -= 1
        found.different[d, w] = different


@njit(cache=True)
def _add(found: Found, value: Word) -> Word:
    """Add a value to the set of the current mark. Returns 1 if it is new there."""
    if value == 0:
        return 0
    mark = found.mark[0]
    at = value & (_SET_PLACES - 1)
    while found.seen[at, 0] == mark:
        if found.seen[at, 1] == value:
            return 0
        at = (at + 1) & (_SET_PLACES - 1)
    found.seen[at, 0] = mark
    found.seen[at, 1] = value
    return 1


@njit(cache=True)
def _write(plan: Plan, batch: Batch, row: Word, found: Found, out: Singles) -> None:
    """Write a row's velocity features: integers, divided once as float64, rounded to float32."""
    outputs = plan.outputs
    for o in range(len(outputs)):
        g, w = outputs[o, 2], outputs[o, 3]
        partner = plan.groups[g, 0]
        if partner != ITSELF and batch.hashes[partner, row] == 0:
            continue
        measure = outputs[o, 0]
        value = np.nan
        if measure == COUNT:
            value = np.float64(found.counts[g, w])
        elif measure == SUM:
            value = np.float64(found.sums[g, w]) / plan.scale
        elif measure == MEAN:
            count = np.float64(found.counts[g, w])
            value = np.float64(found.sums[g, w]) / (count * plan.scale)
        elif measure == MAX:
            value = np.float64(found.tops[g, w]) / plan.scale
        elif measure == DISTINCT:
            value = np.float64(found.different[outputs[o, 4], w])
        elif measure == SINCE_LAST and found.since[g] != _NONE:
            value = np.float64(found.since[g]) / 1000.0
        elif measure == RATIO and found.sums[g, w] != 0:
            scaled = np.float64(batch.amounts[row]) * np.float64(found.counts[g, w])
            value = scaled / np.float64(found.sums[g, w])
        out[row, outputs[o, 1]] = value


@njit(cache=True)
def _write_risks(
    pool: Ints,
    run: Run,
    frauds: Memory,
    key: Word,
    time: Word,
    oldest: Word,
    risks: Ints,
    row: Word,
    out: Singles,
) -> None:
    """Write how many payments an entity has in each delayed window, and the share of frauds."""
    known = frauds.table[_find(frauds, key)]
    high = low = np.int64(0)
    for r in range(len(risks)):
        end = time - risks[r, 1]
        begin = max(end - risks[r, 0], oldest)
        if r == 0 or risks[r, 1] != risks[r - 1, 1]:
            high = low = _count_until(pool, run, run.length, end)
        low = _count_until(pool, run, low, begin)
        count = high - low
        out[row, risks[r, 2]] = count
        if count > 0:
            bad = 0
            if known != 0:
                of_frauds = _open(frauds, known)
                bad = _count_until(frauds.pool, of_frauds, of_frauds.length, end)
                bad -= _count_until(frauds.pool, of_frauds, bad, begin)
            out[row, risks[r, 3]] = min(1.0, np.float64(bad) / np.float64(count))


@njit(cache=True)
def take_back(memory: Memory, undo: Undo, stored: int) -> None:
    """Remove what a batch stored. Later batches have been taken back already."""
    for i in range(stored - 1, -1, -1):
        at = _find(memory, undo.keys[i])
        run = _open(memory, memory.table[at])
        _remove(memory, at, run.length - 1 - undo.backs[i])


@njit(cache=True)
def settle(memory: Memory, frauds: Memory, undo: Undo, stored: int, horizon: int) -> None:
    """Drop what is out of sight now that a batch is final, from runs in which it is much."""
    for i in range(stored):
        if undo.stale[i]:
            bound = undo.newest[i] - horizon
            _evict(memory, _find(memory, undo.keys[i]), bound)
            at = _find(frauds, undo.keys[i])
            if frauds.table[at] != 0:
                _evict(frauds, at, bound)


@njit(cache=True)
def add_times(memory: Memory, keys: Ints, times: Ints, first: int) -> tuple[Word, Word]:
    """Store rows `first`, ... in a memory of width 1. Returns the first two values as `fold`."""
    none = np.zeros((0, 0), np.int64)
    for row in range(first, len(keys)):
        at = _find(memory, keys[row])
        lacking = _make_room(memory, at, keys[row])
        if lacking:
            return row, lacking
        _insert(memory, memory.table[at], times[row], 0, none, row)
    return len(keys), 0


@njit(cache=True)
def remove_times(memory: Memory, keys: Ints, times: Ints) -> None:
    """Remove one event of each time. One that is not there has been evicted."""
    for row in range(len(keys)):
        at = _find(memory, keys[row])
        if memory.table[at] == 0:
            continue
        pool, run = memory.pool, _open(memory, memory.table[at])
        k = _count_until(pool, run, run.length, times[row]) - 1
        if k >= 0 and _get(pool, run, _TIMES, k) == times[row]:
            _remove(memory, at, k)


@njit(cache=True)
def sweep(memory: Memory, bound: int, kept: Ints, first: int, places: int) -> Word:
    """Forget the entities without an event after a time, in some places of the table.

    `kept`: sorted keys to leave as they are. Returns the place to go on from.
    """
    table, pool = memory.table, memory.pool
    at = np.int64(first)
    for _ in range(min(places, len(table))):
        at &= len(table) - 1
        while table[at] != 0:  # once more if the entry behind it moves up
            run = _open(memory, table[at])
            key = pool[run.base + _KEY]
            if _get(pool, run, _TIMES, run.length - 1) > bound:
                break
            found = np.searchsorted(kept, key)
            if found < len(kept) and kept[found] == key:
                break
            _forget(memory, at)
        at += 1
    return at

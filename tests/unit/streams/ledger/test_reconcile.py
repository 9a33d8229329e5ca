"""The ledger's counts against a naive model that keeps everything in dictionaries."""

import tempfile
from collections import Counter, defaultdict
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.ledger import reconcile
from streams.ledger.reconcile import FIRST, REJECTED, SCORED, Audit, Reconciliation
from streams.ledger.repeated_ids import NO_ID, hash_id

RANGES = {0: (5, 30), 1: (0, 0), 3: (100, 112)}
INSIDE = [
    (partition, offset)
    for partition, (begin, end) in RANGES.items()
    for offset in range(begin, end)
]
ANYWHERE = [
    *INSIDE,
    (0, 4),
    (0, 30),
    (1, 0),
    (2, 7),
    (3, 99),
    (3, 2**62),
    (9, 1),
    (-1, -1),
    (2**40, 5),
]

# Offsets have gaps, so any subset of the range may hold records. With few ids, some repeat.
sent_records = st.dictionaries(
    st.sampled_from(INSIDE), st.sampled_from(["", *"abcdefghijklmnopqrst"]), min_size=5
)
outputs = st.lists(
    st.tuples(st.sampled_from([SCORED, REJECTED]), st.integers(0, 2), st.sampled_from(ANYWHERE)),
    max_size=120,
)
committed = st.dictionaries(st.sampled_from([0, 3]), st.integers(0, 120))


def naive(sent, outputs, committed):
    made = defaultdict(list)
    late, phantom, highest = [], [], {}
    for kind, output_partition, source in outputs:
        if source not in sent:
            phantom += [source] * (source in INSIDE)
            continue
        made[source].append(kind)
        key = (kind, output_partition, source[0])
        if source[1] < highest.get(key, -1):
            late.append(source)
        highest[key] = max(source[1], highest.get(key, -1))
    lost = sorted(set(sent) - set(made))
    again = sorted(
        record
        for name in set(sent.values()) - {""}
        for record in sorted(record for record, other in sent.items() if other == name)[1:]
    )
    return Audit(
        sent=len(sent),
        scored=sum(SCORED in kinds for kinds in made.values()),
        rejected=sum(SCORED not in kinds for kinds in made.values()),
        lost=len(lost),
        pending=sum(offset >= committed.get(partition, 0) for partition, offset in lost),
        duplicated=sum(len(kinds) - 1 for kinds in made.values()),
        resent=len(again),
        out_of_order=len(late),
        phantom=len(phantom),
        first_lost=lost[:FIRST],
        first_duplicated=sorted(source for source, kinds in made.items() if len(kinds) > 1)[:FIRST],
        first_resent=again[:FIRST],
        first_out_of_order=sorted(set(late))[:FIRST],
        first_phantom=sorted(set(phantom))[:FIRST],
        ranges=RANGES,
    )


def counted(sent, outputs, committed, batch):
    with (
        tempfile.TemporaryDirectory() as directory,
        closing(Reconciliation(RANGES, Path(directory))) as ledger,
    ):
        records = list(sent.items())
        for start in range(0, len(records), batch):
            part = records[start : start + batch]
            id_hashes = b"".join(
                hash_id(b'{"transaction_id":"%s"}' % name.encode()) for _, name in part
            )
            ledger.add_records(
                *np.array([record for record, _ in part], np.int64).T,
                np.frombuffer(id_hashes, "<u8"),
            )
        for kind in (SCORED, REJECTED):
            of_kind = [(output, *source) for other, output, source in outputs if other == kind]
            for start in range(0, len(of_kind), batch):
                ledger.add_outputs(kind, *np.array(of_kind[start : start + batch], np.int64).T)
        return ledger.finish(committed)


@settings(max_examples=60)  # each opens 256 files
@given(sent=sent_records, outputs=outputs, committed=committed, batch=st.integers(1, 40))
def test_counts_what_a_naive_model_counts(sent, outputs, committed, batch):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconcile, "_CHUNK", 7)  # a range is looked at in several pieces
        found = counted(sent, outputs, committed, batch)
    assert found == naive(sent, outputs, committed)
    assert found.sent == found.scored + found.rejected + found.lost


def test_one_prediction_each_is_complete():
    sent = dict.fromkeys(INSIDE, "")
    found = counted(sent, [(SCORED, 0, record) for record in INSIDE], {}, batch=10)
    assert (found.complete, found.sent, found.scored, found.out_of_order) == (True, 37, 37, 0)


@pytest.mark.parametrize("kinds", [[SCORED, SCORED], [SCORED, REJECTED], [REJECTED, REJECTED]])
def test_a_second_output_of_any_kind_is_a_duplicate(kinds):
    found = counted({(0, 7): "a"}, [(kind, 0, (0, 7)) for kind in kinds], {}, batch=10)
    assert (found.duplicated, found.first_duplicated) == (1, [(0, 7)])
    assert (found.lost, found.complete) == (0, False)
    assert found.sent == found.scored + found.rejected == 1


@pytest.mark.parametrize("kind", [SCORED, REJECTED])
def test_an_output_of_an_uncommitted_record_is_a_phantom_and_fails_the_audit(kind):
    outputs = [(SCORED, 0, (0, 7)), *[(kind, 0, (0, 8))] * 2, (kind, 1, (3, 100))]
    found = counted({(0, 7): "a"}, outputs, {}, batch=10)
    assert (found.sent, found.scored, found.lost, found.duplicated) == (1, 1, 0, 0)
    assert (found.phantom, found.first_phantom, found.complete) == (3, [(0, 8), (3, 100)], False)


def test_order_is_checked_across_batches_for_each_output_partition():
    sent = dict.fromkeys([(0, 10), (0, 15), (0, 20)], "")
    scored = [
        (SCORED, 0, (0, 20)),
        (SCORED, 0, (0, 10)),
        (SCORED, 0, (0, 15)),
        (SCORED, 1, (0, 10)),
        (REJECTED, 0, (0, 10)),
    ]
    for batch in (1, 2, 5):
        found = counted(sent, scored, {}, batch)
        assert (found.out_of_order, found.first_out_of_order) == (2, [(0, 10), (0, 15)])


def test_an_empty_range_proves_nothing():
    with (
        tempfile.TemporaryDirectory() as directory,
        closing(Reconciliation({}, Path(directory))) as ledger,
    ):
        found = ledger.finish({})
    assert found == Audit()
    assert not found.complete


def test_repeats_are_found_among_many_ids(tmp_path):
    names = [f"run-{i}" for i in range(20_000)]
    again = names[::1000]
    hashes = np.frombuffer(
        b"".join(hash_id(b'{"transaction_id":"%s"}' % name.encode()) for name in names + again),
        "<u8",
    )
    offsets = np.arange(len(hashes))
    with closing(Reconciliation({0: (0, len(hashes))}, tmp_path)) as ledger:
        ledger.add_records(np.zeros_like(offsets), offsets, hashes)
        found = ledger.finish({})
    assert (found.resent, found.first_resent) == (20, [(0, 20_000 + i) for i in range(FIRST)])


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"\xff\xfe",
        b"[]",
        b"{",
        b'{"transaction_id":7}',
        b'{"transaction_id":""}',
        b'{"transaction_id":null}',
        b'{"transaction_id":"\\udc00"}',
        b"[" * 100_000,
    ],
)
def test_a_record_without_a_readable_id_has_none(value):
    assert hash_id(value) == NO_ID


def test_an_id_is_read_from_an_otherwise_invalid_record():
    first = hash_id(b'{"transaction_id":"a","V1":"text"}')
    assert first == hash_id(b' {"V2": 1e39, "transaction_id": "\\u0061"}') != NO_ID


def test_hashes_are_spread_evenly_over_the_buckets():
    counts = Counter(hash_id(b'{"transaction_id":"run-%d"}' % i)[0] for i in range(25_600))
    assert len(counts) == 256
    assert max(counts.values()) < 200


def test_records_behind_an_open_transaction_make_the_ledger_incomplete():
    assert Audit(sent=3, scored=3).complete
    assert not Audit(sent=3, scored=3, hidden=1).complete

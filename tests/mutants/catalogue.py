"""Mutants: each breaks one promise, and names the tests that must catch it."""

from dataclasses import dataclass

INTERLEAVINGS = "tests/unit/streams/scorer/test_interleavings.py"
STATE = "tests/unit/payments/state/test_engine.py"
FILE_HISTORY = "tests/unit/model/test_history.py"
OWN_SCHEMA = "tests/unit/model/test_own_schema.py"
HISTORY = "tests/integration/history/test_follower.py"
KILLED = (
    "tests/chaos/test_scorer_killed.py"
    "::test_a_worker_that_dies_at_a_named_point_loses_and_duplicates_nothing"
)


@dataclass(frozen=True)
class Change:
    """Replaces `old`, which occurs exactly once in `path`, with `new`."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """A broken copy of the system, and the tests (pytest's names); at least one must fail in it."""

    name: str
    tests: tuple[str, ...]
    changes: tuple[Change, ...]


def mutant(name: str, tests: str, *changes: tuple[str, str, str]) -> Mutant:
    return Mutant(name, tuple(tests.split()), tuple(Change(*change) for change in changes))


MUTANTS = (
    mutant(
        "offsets committed before the flush",
        "tests/unit/streams/kafka/test_flushing.py",
        (
            "streams/kafka/committer.py",
            """            self._within_deadline(partial(self._persist, self._flush))
        except KafkaException as error:
            self.abort(error)
        with self._lock:
            self._done.update(offsets)
""",
            """            with self._lock:
                self._done.update(offsets)
            self._within_deadline(partial(self._persist, self._flush))
        except KafkaException as error:
            self.abort(error)
""",
        ),
    ),
    mutant(
        "offsets committed outside the transaction",
        f"{KILLED}[after-the-commit-request]",
        (
            "streams/kafka/committer.py",
            """        self._persist(
            partial(
                producer.send_offsets_to_transaction, positions, group_metadata, _CALL_TIMEOUT_S
""",
            """        self._persist(partial(producer.commit_transaction, _CALL_TIMEOUT_S))
        producer.begin_transaction()
        self._persist(
            partial(
                producer.send_offsets_to_transaction, positions, group_metadata, _CALL_TIMEOUT_S
""",
        ),
    ),
    mutant(
        "alerts written outside the transaction",
        f"{KILLED}[after-produce]",
        (
            "streams/kafka/committer.py",
            """        produce = self._producer.produce
""",
            """        alerts = Producer(self._connection.make_writer_config())
        for output in outputs:
            if output.topic == topics.ALERTS:
                name = names[output.topic]
                alerts.produce(name, output.value, output.key, headers=output.headers)
        alerts.flush()
        outputs = [output for output in outputs if output.topic != topics.ALERTS]
        produce = self._producer.produce
""",
        ),
    ),
    mutant(
        "a reader of uncommitted records",
        f"{KILLED}[after-produce]",
        (
            "streams/kafka/connection.py",
            '"isolation.level": "read_committed"',
            '"isolation.level": "read_uncommitted"',
        ),
    ),
    mutant(
        "a client property that breaks a guarantee",
        "tests/unit/cli/test_kafka_properties.py"
        "::test_the_file_cannot_change_what_a_guarantee_depends_on",
        (
            "cli/support/kafka_properties.py",
            "elif line.key in FIXED and",
            "elif line.key in () and",
        ),
    ),
    mutant(
        "only the scorer reads uncommitted records",
        "tests/integration/scorer/test_scorer.py::test_uncommitted_records_are_never_scored",
        (
            "streams/scorer/consumer.py",
            '    "auto.offset.reset": "error",\n',
            '    "auto.offset.reset": "error",\n    "isolation.level": "read_uncommitted",\n',
        ),
    ),
    mutant(
        "a dropped dead letter",
        "tests/unit/streams/scorer/test_scoring.py",
        (
            "streams/scorer/scoring.py",
            "        scored.outputs.append("
            "Output(topics.DEAD_LETTERS, record.key(), record.value(), headers))\n",
            "",
        ),
    ),
    mutant(
        "a body limited by its parts",
        "tests/unit/api/test_app.py::test_a_body_is_limited_as_a_whole_and_not_by_its_parts",
        (
            "api/middleware.py",
            'received += len(message.get("body", b""))',
            'received = len(message.get("body", b""))',
        ),
    ),
    mutant(
        "a host accepted by its ending",
        "tests/unit/api/test_app.py::test_only_requests_to_its_own_host_names_are_answered",
        (
            "api/auth.py",
            "if name.lower() in names:",
            "if name.lower().endswith(tuple(names)):",
        ),
    ),
    mutant(
        "X-Forwarded-For believed",
        "tests/integration/api/test_api.py::test_without_a_broker_it_scores_and_reports_the_outage",
        ("cli/commands/serve.py", "proxy_headers=False,", "proxy_headers=True,"),
    ),
    mutant(
        "a card number with dots between its digits is shown",
        "tests/unit/payments/test_card_numbers.py",
        (
            "payments/card_numbers.py",
            r"""[2-6]\d{3}([ ._-])""",
            r"""[2-6]\d{3}([ -])""",
        ),
    ),
    mutant(
        "a secret field is shown",
        "tests/unit/payments/test_masking.py",
        (
            "payments/masking.py",
            "        if path in self._secret:\n",
            "        if not path and path in self._secret:\n",
        ),
    ),
    mutant(
        "a secret reason is shown",
        "tests/unit/payments/test_masking.py",
        (
            "payments/masking.py",
            """if reason["feature"] in self._secret_fields:""",
            """if not reason:""",
        ),
    ),
    mutant(
        "a label shows a secret account",
        "tests/unit/api/test_own_schema.py::test_a_secret_entity_is_in_the_label_and_not_on_view",
        (
            "api/alert_store.py",
            "ArrivedLabel(self._mask.mask_label(record), arrived_ms, weight)",
            "ArrivedLabel(record, arrived_ms, weight)",
        ),
    ),
    mutant(
        "a label of an own schema without its entity",
        "tests/unit/api/test_own_schema.py"
        "::test_an_alert_is_listed_without_its_secret_and_a_label_has_its_entity",
        (
            "payments/labels.py",
            "get_member(document, field.find_parts(name))",
            "get_member(document, [name])",
        ),
    ),
    mutant(
        "a decimal number is masked as a card number",
        "tests/unit/payments/test_card_numbers.py",
        (
            "payments/card_numbers.py",
            r"""\d{12,18}(?!\.\d)""",
            r"""\d{12,18}""",
        ),
    ),
    mutant(
        "an endless head is kept in memory",
        "tests/unit/streams/test_http_limits.py",
        (
            "streams/http_limits.py",
            "        self._received += len(data)\n",
            "",
        ),
    ),
    mutant(
        "a slow head holds its connection",
        "tests/unit/streams/test_http_limits.py",
        (
            "streams/http_limits.py",
            "        self._waiting_since = self.loop.time()\n        self._start_timer(HEAD_S)\n",
            "        self._waiting_since = self.loop.time()\n",
        ),
    ),
    mutant(
        "connections without a request keep others out",
        "tests/unit/streams/test_http_limits.py"
        "::test_a_connection_without_a_whole_request_makes_room",
        (
            "streams/http_limits.py",
            "if len(group) > limit and not _close_longest_waiting(group):",
            "if len(group) > limit:",
        ),
    ),
    mutant(
        "making room for a connection cuts another one's answer",
        "tests/unit/streams/test_http_limits.py::test_replacing_a_connection_cuts_no_answer",
        (
            "streams/http_limits.py",
            "is_answering or self.transport.get_write_buffer_size()",
            "is_answering",
        ),
    ),
    mutant(
        "forged headers keep a dead letter from being sent",
        "tests/integration/commands/test_dlq.py"
        "::test_forged_headers_do_not_keep_a_record_from_being_sent",
        (
            "streams/dlq/redrive.py",
            "if digests.get(origin) == _hash(message.key(), message.value()):",
            "if origin in digests:",
        ),
    ),
    mutant(
        "rows swallowed by a quote that is never closed",
        "tests/unit/payments/test_files.py",
        (
            "payments/files/quotes.py",
            "(not block or len(self._rest) > self._max_bytes) and",
            "len(self._rest) > self._max_bytes and",
        ),
    ),
    mutant(
        "rows swallowed by a quote that another row closes",
        "tests/unit/payments/test_files.py",
        (
            "payments/files/quotes.py",
            "cell.count(self._separator) >= self._columns - 1",
            "cell.count(self._separator) >= self._columns",
        ),
    ),
    mutant(
        "a replay sends negative amounts, which the scorer rejects",
        "tests/unit/payments/test_files.py",
        (
            "payments/files/cells.py",
            "_PLAIN_MINOR if field.unit == 'minor' else _PLAIN_AMOUNT",
            "_PLAIN",
        ),
    ),
    mutant(
        "a time that UTC has no year for is scored",
        "tests/contract/test_records.py::test_invalid",
        (
            "payments/rfc3339.py",
            "if at.year in _EDGE_YEARS:",
            "if at.year not in _EDGE_YEARS:",
        ),
    ),
    mutant(
        "accounts merged because a missing account counts as one",
        "tests/unit/producer/test_rows.py",
        (
            "payments/files/cells.py",
            'words = _EMPTY if field.type == "category" else _MISSING_TEXTS',
            "words = _EMPTY",
        ),
    ),
    mutant(
        "a field dropped because JSON lines have it from a late row on",
        "tests/unit/payments/test_own_files.py",
        (
            "payments/files/json_lines.py",
            "if field.optional:",
            "if False:",
        ),
    ),
    mutant(
        "local times among others taken for UTC",
        "tests/unit/payments/test_own_files.py",
        (
            "payments/files/times.py",
            "if is_local != local:",
            "if False:",
        ),
    ),
    mutant(
        "a second lap of a replay with the ids of the first",
        "tests/unit/producer/test_own_rows.py",
        (
            "producer/rows.py",
            "else name}{suffix}",
            "else name}",
        ),
    ),
    mutant(
        "a draft with a column that gives the frauds away",
        "tests/unit/payments/schema/test_draft.py",
        (
            "payments/schema/guesses.py",
            "if _rank(columns[name], _AFTERWARDS) is not None:",
            "if False:",
        ),
    ),
    mutant(
        "a draft takes what identifies somebody for a category",
        "tests/unit/payments/schema/test_draft.py",
        (
            "payments/schema/guesses.py",
            "and not is_code and _identifies(column)",
            "and False",
        ),
    ),
    mutant(
        "an escaped backslash hides the quote after it",
        "tests/unit/payments/test_json_limits.py",
        (
            "payments/json_limits.py",
            r"""escaped.replace(rb"\\", b"  ").replace(""",
            "escaped.replace(",
        ),
    ),
    mutant(
        "a record nested too deeply accepted because it has a backslash",
        "tests/unit/payments/test_json_limits.py",
        (
            "payments/json_limits.py",
            "_INDENTED_LENGTH = MAX_NESTING * (MAX_NESTING + 1)",
            "_INDENTED_LENGTH = MAX_NESTING * MAX_NESTING * 2",
        ),
    ),
    mutant(
        "a batch acknowledged after an exception",
        "tests/unit/streams/scorer/test_agent.py",
        (
            "streams/scorer/agent.py",
            "                sink.fail(batch, error)\n",
            "                await sink.submit(ScoredBatch(batch))\n",
        ),
    ),
    mutant(
        "position() committed instead of the batch's own offsets",
        INTERLEAVINGS,
        (
            "streams/scorer/batch.py",
            "    group_metadata: Any = None\n",
            "    group_metadata: Any = None\n    consumer: Any = None\n",
        ),
        (
            "streams/scorer/batch.py",
            """            partition: record.offset() + 1
            for partition, record in self.batch.find_last_records().items()
""",
            """            at.partition: at.offset
            for at in self.batch.consumer.position(self.batch.consumer.assignment())
            if at.offset >= 0
""",
        ),
        (
            "streams/scorer/consumer.py",
            "records, self._consumer.consumer_group_metadata())",
            "records, self._consumer.consumer_group_metadata(), self._consumer)",
        ),
    ),
    mutant(
        "a channel that clears on resume",
        "tests/unit/streams/scorer/test_agent.py",
        ("streams/scorer/agent.py", "clear_on_resume=False", "clear_on_resume=True"),
    ),
    mutant(
        "an abort that does not end the epoch",
        f"{INTERLEAVINGS} tests/unit/streams/scorer/test_pipeline.py",
        ("streams/scorer/pipeline.py", "            self._in_flight.end_epoch()\n", ""),
    ),
    mutant(
        "partitions released while their batches are in flight",
        INTERLEAVINGS,
        (
            "streams/scorer/consumer.py",
            "        self._drain()\n        if not self._stopping",
            "        if not self._stopping",
        ),
    ),
    mutant(
        "batches of lost partitions committed under the current membership",
        f"{INTERLEAVINGS} tests/unit/streams/scorer/test_consumer.py",
        (
            "streams/scorer/consumer.py",
            "        self._in_flight.end_epoch()\n        self._drain()\n        self._take",
            "        self._drain()\n        self._take",
        ),
        (
            "streams/scorer/batch.py",
            "    group_metadata: Any = None\n",
            """    member: Any = None

    @property
    def group_metadata(self) -> Any:
        return self.member.consumer_group_metadata()
""",
        ),
        (
            "streams/scorer/consumer.py",
            "records, self._consumer.consumer_group_metadata())",
            "records, self._consumer)",
        ),
    ),
    mutant(
        "records that arrive with a rebalance passed on",
        f"{INTERLEAVINGS} tests/unit/streams/scorer/test_consumer.py",
        (
            "streams/scorer/consumer.py",
            "if is_stale and records:",
            "if False:",
        ),
    ),
    mutant(
        "an offset commit that skips a missing batch",
        "tests/unit/streams/scorer/test_pipeline.py",
        ("streams/scorer/pipeline.py", "            self._check_order(scored.batch)\n", ""),
    ),
    mutant(
        "a record whose output is refused ends the scorer",
        "tests/unit/streams/scorer/test_pipeline.py",
        (
            "streams/scorer/pipeline.py",
            "            self._isolate(scored, error)\n",
            "            self._fail(error)\n",
        ),
    ),
    mutant(
        "an output that a topic refuses for good is tried again",
        "tests/unit/streams/kafka/test_committer.py::"
        "test_an_output_that_would_be_refused_again_stops_the_scorer_with_the_cause",
        ("streams/kafka/committer.py", "    KafkaError.INVALID_TIMESTAMP,\n", ""),
    ),
    mutant(
        "a transaction that the brokers never end looks like an outage",
        "tests/unit/streams/kafka/test_committer.py::"
        "test_a_transaction_that_the_brokers_never_end_is_named",
        (
            "streams/kafka/committer.py",
            "self._waits_for = _NOT_ENDED if not_ended else _NO_ANSWER",
            "self._waits_for = _NO_ANSWER",
        ),
    ),
    mutant(
        "a limit on timestamps that refuses the scorer's own records is not noticed",
        "tests/unit/streams/kafka/test_topic_settings.py::"
        "test_a_limit_that_refuses_own_records_is_unsafe",
        (
            "streams/kafka/topic_settings.py",
            "        compared += OWN_TIME_LIMITS\n",
            "        pass\n",
        ),
    ),
    mutant(
        "a refused output hidden behind a later error",
        "tests/unit/streams/kafka/test_committer.py::"
        "test_an_output_that_is_too_large_is_reported_whatever_the_client_says_of_its_transaction",
        (
            "streams/kafka/committer.py",
            "        self._raise_if_refused()\n        raise BatchAbortedError",
            "        raise BatchAbortedError",
        ),
    ),
    mutant(
        "a fenced worker does not say so",
        "tests/unit/streams/kafka/test_committer.py::"
        "test_being_fenced_is_named_although_delivery_reports_hide_it",
        (
            "streams/kafka/committer.py",
            "            reported = reported.__cause__\n        raise reported from None",
            "            reported = reported.__cause__\n        raise",
        ),
    ),
    # tests/chaos/test_connections.py (the answer that is lost) fails in it too, but takes minutes
    mutant(
        "an uncertain commit aborted",
        "tests/unit/streams/kafka/test_committer.py::"
        "test_an_uncertain_commit_is_repeated_and_never_aborted",
        (
            "streams/kafka/committer.py",
            "self._persist(partial(producer.commit_transaction, _CALL_TIMEOUT_S))",
            "producer.commit_transaction(_CALL_TIMEOUT_S)",
        ),
    ),
    mutant(
        "a call into the cluster without a deadline",
        "tests/unit/streams/kafka/test_committer.py::test_a_call_that_never_returns_ends_the_process",
        (
            "streams/kafka/committer.py",
            "done.result(DEADLINE_S)",
            "done.result(timeout=60)",
        ),
    ),
    mutant(
        "a scorer announces itself before it knows that it can listen",
        "tests/unit/cli/commands/test_score_command.py",
        ("cli/commands/score.py", "    _check_ports(settings, workers)\n", ""),
    ),
    mutant(
        "a damaged model file that stops healthy workers",
        "tests/unit/streams/scorer/test_supervisor.py"
        "::test_a_worker_that_cannot_start_again_stops_no_other",
        (
            "streams/scorer/supervisor.py",
            "if not slot.restarts or not running:",
            "if True:",
        ),
    ),
    mutant(
        "files written in place",
        "tests/unit/model/test_files.py",
        (
            "model/files.py",
            'unfinished = path.with_name(f"{path.name}.part")',
            "unfinished = path",
        ),
    ),
    mutant(
        "offsets of a topic of the same name are taken for this one's",
        "tests/unit/streams/scorer/test_topic_watch.py",
        (
            "streams/scorer/topic_watch.py",
            "if epoch is not None and epoch.topic_id != current:",
            "if False:",
        ),
    ),
    mutant(
        "a topic recreated under the scorer goes unnoticed",
        "tests/unit/streams/scorer/test_topic_watch.py",
        ("streams/scorer/topic_watch.py", "if topic_id != self._ids[name]:", "if False:"),
    ),
    mutant(
        "outputs of an earlier topic are taken for this one's",
        "tests/unit/streams/ledger/test_epochs.py",
        (
            "streams/ledger/epochs.py",
            "(output_offsets >= begins) & (offsets < self._end[rows])",
            "output_offsets >= 0",
        ),
    ),
    mutant(
        "block from the lowest of all scores that pass",
        "tests/unit/model/training/test_thresholds.py",
        (
            "model/training/thresholds.py",
            "np.logical_and.accumulate(bounds >= required.precision)",
            "bounds >= required.precision",
        ),
    ),
    mutant(
        "a cut calibrated on the rows that judge it",
        "tests/unit/model/training/test_forward_cuts.py",
        (
            "model/training/forward_cuts.py",
            "fit_platt_scaling(ahead[0][:at], truth[:at])",
            "fit_platt_scaling(ahead[0][:end], truth[:end])",
        ),
    ),
    mutant(
        "a label counts from the date that its sender claims",
        "tests/unit/drift/labels/test_label_store.py tests/unit/api/test_alert_store.py",
        (
            "payments/labels.py",
            "date = min(max(count_microseconds(label.labelled_at), 0), arrived_ms * 1000)",
            "date = max(count_microseconds(label.labelled_at), 0)",
        ),
    ),
    mutant(
        "an analyst erases a chargeback",
        "tests/unit/drift/labels/test_label_store.py tests/unit/api/test_alert_store.py",
        (
            "payments/labels.py",
            "return self._weights[label.source] << DATE_BITS | date",
            "return date",
        ),
    ),
    mutant(
        "a chargeback for goods counts as a fraud",
        "tests/unit/drift/labels/test_label_store.py"
        "::test_a_reason_that_is_no_fraud_gives_no_fraud",
        (
            "payments/labels.py",
            "label.is_fraud and label.reason not in self._no_fraud",
            "label.is_fraud",
        ),
    ),
    mutant(
        "many verdicts push a chargeback out of memory",
        "tests/unit/drift/labels/test_label_store.py"
        "::test_a_chargeback_outlives_many_later_verdicts",
        (
            "drift/labels/label_index.py",
            "smallest = min(rows, key=self._labels.__getitem__)",
            "smallest = rows[0]",
        ),
        (
            "drift/labels/label_index.py",
            "            if label >= self._labels[smallest]:\n",
            "            if label:\n",
        ),
    ),
    mutant(
        "a verdict closes a later alert of the same id",
        "tests/unit/api/test_alert_store.py::test_a_label_is_not_about_a_later_alert",
        (
            "payments/labels.py",
            "(scored_ms if by_analyst else min(made_ms, scored_ms))",
            "(0 if by_analyst else min(made_ms, scored_ms))",
        ),
    ),
    mutant(
        "a verdict closes another account's alert",
        "tests/unit/api/test_alert_store.py::test_a_label_counts_for_its_own_account",
        (
            "api/alert_store.py",
            "if owner in (None, self._get_key(item)) and item.is_older_than(label)",
            "if item.is_older_than(label)",
        ),
    ),
    mutant(
        "a recreated topic taken for the old one",
        "tests/integration/api/test_alert_feed.py"
        "::test_a_recreated_topic_is_never_mixed_with_the_old_one",
        (
            "streams/kafka/topic_changes.py",
            "if found.topic_id != seen.topic_id:",
            "if False:",
        ),
    ),
    mutant(
        "a replay of an earlier time collected in the open window",
        "tests/unit/drift/windows/test_tumbling.py",
        ("drift/windows/tumbling.py", "            self._begin_again()\n", "            pass\n"),
    ),
    mutant(
        "a transaction that may hide records for five minutes",
        "tests/unit/streams/kafka/test_committer.py",
        (
            "streams/kafka/committer.py",
            "TRANSACTION_TIMEOUT_MS = 10_000",
            "TRANSACTION_TIMEOUT_MS = 300_000",
        ),
    ),
    mutant(
        "one of three replicas in sync",
        "tests/unit/streams/kafka/test_topic_settings.py",
        ("streams/kafka/topic_settings.py", "least = 2 if replicas >= 3 else 1", "least = 1"),
    ),
    mutant(
        "another partitioner than Java's",
        "tests/unit/streams/kafka/test_connection.py",
        (
            "streams/kafka/connection.py",
            '"partitioner": "murmur2_random"',
            '"partitioner": "consistent_random"',
        ),
    ),
    mutant(
        "a compacted topic accepted",
        "tests/unit/streams/kafka/test_topic_settings.py",
        ("streams/kafka/topics.py", '            exactly("cleanup.policy", "delete"),\n', ""),
    ),
    mutant(
        "payments dated by their senders",
        "tests/unit/streams/kafka/test_topic_settings.py",
        (
            "streams/kafka/topics.py",
            "            *((BROKER_TIME,) if self.is_input else ()),\n",
            "",
        ),
    ),
    mutant(
        "a ledger that is complete behind an open transaction",
        "tests/unit/streams/ledger/test_reconcile.py",
        ("streams/ledger/reconcile.py", " == self.hidden == 0", " == 0"),
    ),
    mutant(
        "a lasting shift of the scores goes unnoticed",
        "tests/unit/drift/detect/test_reference_shift.py",
        (
            "drift/detect/reference_shift.py",
            """    return column == _MARGIN and _has_level_shifted(windows, before)
""",
            """    return False
""",
        ),
    ),
    mutant(
        "runbooks require the key",
        "tests/unit/api/test_runbooks.py",
        (
            "api/auth.py",
            """        if path in OPEN or path.startswith(RUNBOOKS):
""",
            """        if path in OPEN:
""",
        ),
    ),
    mutant(
        "history applied twice when two batches are retried",
        f"{STATE}::test_batches_that_are_tried_again_count_once",
        (
            "payments/state/store.py",
            "        while self._tickets:\n            self.undo()\n",
            "        if self._tickets:\n            self.undo()\n        self._tickets.clear()\n",
        ),
    ),
    mutant(
        "history not undone",
        f"{STATE}::test_a_rollback_leaves_the_entities_that_there_were",
        (
            "payments/state/store.py",
            "            self.undo()\n",
            "            self._tickets.pop()\n",
        ),
    ),
    mutant(
        "a late payment sees the future",
        f"{STATE}::test_a_late_payment_sees_nothing_after_itself",
        (
            "payments/state/kernels.py",
            "        high = k + 1  # some of the same time may be behind it\n",
            "        high = run.length\n",
        ),
    ),
    mutant(
        "eviction changes a value",
        f"{STATE}::test_eviction_and_sweeping_change_no_value_of_a_payment_within_a_day",
        (
            "payments/state/kernels.py",
            "            bound = undo.newest[i] - horizon\n",
            "            bound = undo.newest[i] - horizon // 2\n",
        ),
    ),
    mutant(
        "a sweep forgets what a payment can still see",
        f"{STATE}::test_a_sweep_forgets_only_what_no_payment_can_see",
        (
            "payments/state/store.py",
            "        bound = watermark_ms - LATENESS_MS - self.plan.kernel.horizon\n",
            "        bound = watermark_ms - self.plan.kernel.horizon\n",
        ),
    ),
    mutant(
        "drift of missing values goes unnoticed",
        "tests/unit/drift/test_own_schema.py"
        "::test_a_changed_category_a_new_value_and_missing_values_are_drift",
        (
            "drift/detect/columns.py",
            "            np.isnan(features[:, mark.position])\n",
            "            np.zeros(len(features))\n",
        ),
    ),
    mutant(
        "drift of a category's shares goes unnoticed",
        "tests/unit/drift/test_own_schema.py::test_distances_are_of_what_is_known_and_of_shares",
        ("drift/detect/distances.py", "np.abs(now - earlier).sum() / 2", "0.0"),
    ),
    mutant(
        "one value that no model knows is drift",
        "tests/unit/drift/test_own_schema.py::test_one_unseen_value_alone_is_no_drift",
        ("drift/detect/calibration.py", "_MIN_MOVED = 0.01", "_MIN_MOVED = 1e-6"),
    ),
    mutant(
        "a window's rows are not what the model read",
        "tests/unit/drift/test_own_schema.py::test_rows_are_what_the_model_read",
        (
            "drift/predictions.py",
            "[np.nan if feature is None else feature for feature in features]",
            "[0.0 for feature in features]",
        ),
    ),
    mutant(
        "a prediction of another schema in a window",
        "tests/unit/drift/test_own_schema.py"
        "::test_a_prediction_of_another_schema_is_skipped_by_name",
        ("drift/predictions.py", "if schema not in self._schemas:", "if not self._schemas:"),
    ),
    mutant(
        "a prediction that names another record as its source",
        "tests/unit/streams/scorer/test_scoring.py"
        "::test_every_record_has_exactly_one_prediction_or_dead_letter",
        (
            "streams/scorer/scoring.py",
            "offset=record.offset())\n",
            "offset=record.offset() // 2)\n",
        ),
    ),
    mutant(
        "alerts of version 1 forgotten",
        "tests/contract/test_contract_files.py::test_alerts_of_version_1_are_still_read",
        ("payments/contract.py", "    source: Source | None = None", "    source: Source"),
    ),
    mutant(
        "a simulated fraud known before it happens",
        "tests/unit/producer/test_card_frauds.py"
        "::test_a_fraud_becomes_known_in_the_time_of_its_pattern",
        (
            "producer/simulation/cards/fraudsters.py",
            """frauds["time"].max() + draw_delay(""",
            """frauds["time"].min() - draw_delay(""",
        ),
    ),
    mutant(
        "categories learned from the test part too",
        f"{OWN_SCHEMA}::test_categories_are_learned_from_the_training_part_alone",
        (
            "model/dataset.py",
            "    part = split(len(fields.amounts)).train\n",
            "    part = slice(None)\n",
        ),
    ),
    mutant(
        "a value without a code scored as one that has one",
        f"{OWN_SCHEMA}::test_missing_values_are_nan_and_unseen_ones_the_trained_other",
        (
            "payments/features.py",
            "self._others = [float(len(categories[name]))",
            "self._others = [0.0",
        ),
    ),
    mutant(
        "a calendar in UTC whatever the time zone",
        f"{OWN_SCHEMA}::test_the_calendar_is_that_of_the_time_zone",
        (
            "payments/features.py",
            "local = times_ms + _find_offsets_ms(self._zone, times_ms)",
            "local = times_ms",
        ),
    ),
    mutant(
        "a model of another schema accepted",
        f"{OWN_SCHEMA}::test_a_model_of_another_schema_is_refused_with_the_difference",
        (
            "model/artefact.py",
            "    if manifest.features == names and trained_for in (None, schema.reference):\n",
            "    if manifest.features == names:\n",
        ),
    ),
    mutant(
        "blocks that were deleted unread are skipped",
        f"{HISTORY}::test_blocks_that_are_deleted_before_they_are_read_stop_the_reader",
        (
            "streams/history/follower.py",
            """    "auto.offset.reset": "error",  # an""",
            """    "auto.offset.reset": "earliest",  # an""",
        ),
    ),
    mutant(
        "history is complete while a transaction is open",
        f"{HISTORY}::test_only_committed_blocks_are_read_and_the_end_is_judged_by_open_transactions",
        (
            "streams/history/follower.py",
            "self._cluster.find_high_watermarks(HISTORY, [partition])",
            "self._cluster.find_end(HISTORY, [partition])",
        ),
    ),
    mutant(
        "a damaged block is read",
        "tests/unit/streams/history/test_block.py"
        "::test_every_truncation_and_every_flipped_bit_is_noticed",
        (
            "streams/history/block.py",
            "if crc32(record[_CHECKED_FROM:]) != checksum:",
            "if crc32(record) == checksum:",
        ),
    ),
    mutant(
        "a label that counts in training before it was known",
        f"{FILE_HISTORY}::test_each_measure_is_what_it_says",
        (
            "model/history.py",
            'np.where(known <= paid + delay, 0, np.searchsorted(times, known, "left"))',
            "np.zeros(len(paid), np.int64)",
        ),
    ),
    mutant(
        "a row more than a day late that sees other rows",
        f"{FILE_HISTORY}::test_rows_out_of_order_go_to_their_place",
        ("model/history.py", "alone=find_late(payments.times)", "alone=None"),
    ),
    mutant(
        "fitted rows unknown in a file that begins later",
        f"{FILE_HISTORY}::test_fitted_rows_are_known_again_in_a_file_that_begins_later",
        (
            "model/evaluation/seen_rows.py",
            "make_matrix(table, encoder)[:, :fields]",
            "make_matrix(table, encoder)",
        ),
    ),
    mutant(
        "history keeps a batch that was aborted",
        "tests/unit/streams/history/test_state.py",
        ("streams/history/state.py", "        self._engine.rollback()\n", ""),
    ),
    mutant(
        "blocks that were read during a batch are lost by its abort",
        "tests/unit/streams/history/test_state.py",
        (
            "streams/history/state.py",
            "                self._fold(entry.block)\n",
            "                pass\n",
        ),
    ),
    mutant(
        "a partition is read before its history",
        "tests/unit/streams/scorer/test_history_keeper.py",
        (
            "streams/scorer/history_keeper.py",
            "            if found == offset:\n",
            "            if found is None or found <= offset:\n",
        ),
    ),
    mutant(
        "a batch is applied to the history again for each half that is retried",
        "tests/unit/streams/scorer/test_scoring_history.py",
        (
            "streams/scorer/scoring.py",
            "            try:\n                self._score(valid, part)\n",
            "            try:\n                if self._history is not None:\n"
            "                    self._add_history(self._history, valid, part)\n"
            "                self._score(valid, part)\n",
        ),
    ),
    mutant(
        "entities are forgotten while a partition is far behind",
        "tests/unit/streams/history/test_state.py",
        (
            "streams/history/state.py",
            "if len(newest) == partitions and self._unswept:",
            "if newest and self._unswept:",
        ),
    ),
)

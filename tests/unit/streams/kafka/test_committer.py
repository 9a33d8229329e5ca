"""A failed transaction leads to reading again, to a new process, or to a person."""

from threading import Event, Thread

import pytest
from confluent_kafka import KafkaError, KafkaException
from support.waiting import wait_for

from streams.kafka import committer as committing
from streams.kafka.committer import FlushingCommitter, TransactionalCommitter
from streams.kafka.connection import Connection
from streams.kafka.errors import (
    DO_NOT_RESTART,
    BatchAbortedError,
    CommitFatalError,
    OutageError,
    OutputRefusedError,
    RefusedError,
    WriteRefusedError,
)
from streams.kafka.open_transactions import OWN_TRANSACTION_S


class Cluster:
    """A producer that fails to abort with this error code; with None it aborts."""

    def __init__(self, reason):
        self.reason = reason

    def begin_transaction(self):
        pass

    def produce(self):
        pass

    def abort_transaction(self, _timeout):
        if self.reason is not None:
            raise KafkaException(KafkaError(self.reason))


def committer_of(producer, give_up=None):
    connection = Connection("127.0.0.1:9")
    return TransactionalCommitter(
        connection, ["t"], give_up or Event(), client=lambda settings: producer
    )


@pytest.mark.parametrize(
    ("cause", "then", "raised"),
    [
        (KafkaError.ILLEGAL_GENERATION, None, BatchAbortedError),
        (KafkaError.ILLEGAL_GENERATION, KafkaError.INVALID_PRODUCER_EPOCH, CommitFatalError),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, None, RefusedError),
        # a connection that broke in its handshake
        (KafkaError._AUTHENTICATION, KafkaError._AUTHENTICATION, OutageError),
        # the broker's container is stopped, and its name with it
        (KafkaError._RESOLVE, KafkaError._RESOLVE, OutageError),
    ],
)
def test_a_failed_transaction_raises(cause, then, raised):
    committer = committer_of(Cluster(then))
    with pytest.raises(raised) as found:
        committer.abort(KafkaException(KafkaError(cause)))
    assert type(found.value) is raised


class Report:
    """The message of a delivery report."""

    def topic(self):
        return "alerts"


def test_an_output_that_is_too_large_is_reported_whatever_the_client_says_of_its_transaction():
    committer = committer_of(Cluster(None))
    hidden = KafkaException(KafkaError(KafkaError._STATE))
    committer._on_delivery_error(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE), Report())
    with pytest.raises(OutputRefusedError) as found:
        committer.abort(hidden)
    assert str(found.value) == (
        "alerts refuses an output as too large; to raise its limit, run: "
        "fraud kafka tool kafka-configs.sh --bootstrap-server "
        "127.0.0.1:9 --alter --entity-type topics "
        "--entity-name alerts --add-config max.message.bytes=1048588"
    )
    committer.write([])
    with pytest.raises(BatchAbortedError):
        committer.abort(hidden)


@pytest.mark.parametrize(
    "code",
    [KafkaError.INVALID_TIMESTAMP, KafkaError.INVALID_RECORD, KafkaError.POLICY_VIOLATION],
)
def test_an_output_that_would_be_refused_again_stops_the_scorer_with_the_cause(code):
    committer = committer_of(Cluster(None))
    committer._on_delivery_error(KafkaError(code), Report())
    with pytest.raises(WriteRefusedError) as found:
        committer.abort(KafkaException(KafkaError(KafkaError._STATE)))
    assert found.value.exit_code == DO_NOT_RESTART
    assert str(found.value).startswith(f"alerts refuses an output: {KafkaError(code).str()}. ")
    assert "fraud doctor" in str(found.value)


class Clock:
    """Advances this many seconds with each reading."""

    def __init__(self, seconds):
        self.seconds, self.now = seconds, 0.0

    def __call__(self):
        self.now += self.seconds
        return self.now


class Fencing:
    """A producer that finds out at its commit that another has its transactional id."""

    def flush(self, _timeout):
        pass

    def send_offsets_to_transaction(self, *_arguments):
        pass

    def commit_transaction(self, _timeout):
        raise KafkaException(KafkaError(KafkaError._FENCED, fatal=True))


class Uncertain(Fencing):
    """A producer whose first commit gets no answer in time, and which must not abort then."""

    def __init__(self):
        self.commits = 0

    def commit_transaction(self, _timeout):
        self.commits += 1
        if self.commits == 1:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, retriable=True))

    def abort_transaction(self, _timeout):
        raise AssertionError("the broker may have committed")

    def poll(self, _timeout):
        pass


def test_an_uncertain_commit_is_repeated_and_never_aborted(monkeypatch):
    monkeypatch.setattr(committing, "_UNREACHABLE_PAUSE_S", 0)
    producer = Uncertain()
    committer_of(producer).commit({0: 1}, None)
    assert producer.commits == 2


@pytest.mark.parametrize(("seconds", "raised"), [(0.01, CommitFatalError), (30.0, OutageError)])
def test_being_fenced_is_excused_only_after_a_call_that_timed_out(monkeypatch, seconds, raised):
    monkeypatch.setattr(committing, "monotonic", Clock(seconds))
    committer = committer_of(Fencing())
    with pytest.raises(CommitFatalError) as found:
        committer.commit({0: 1}, None)
    assert type(found.value) is raised


class HiddenFencing(Fencing):
    """The same, as reported by one of its calls: Python hides the error behind two others."""

    def __init__(self, call):
        setattr(self, call, self.report)

    def report(self, *_arguments):
        fenced = KafkaException(KafkaError(KafkaError._FENCED, fatal=True))
        first = SystemError("<method 'code'> returned a result with an exception set")
        first.__cause__ = fenced
        raise SystemError("<method 'topic'> returned a result with an exception set") from first


@pytest.mark.parametrize("call", ["flush", "send_offsets_to_transaction", "commit_transaction"])
def test_being_fenced_is_named_although_delivery_reports_hide_it(call):
    with pytest.raises(CommitFatalError, match="does another one run with the same FRAUD_INSTANCE"):
        committer_of(HiddenFencing(call)).commit({0: 1}, None)


def test_the_error_of_being_fenced_during_an_abort_also_suggests_a_duplicate_instance():
    committer = committer_of(Cluster(KafkaError._FENCED))
    with pytest.raises(CommitFatalError, match="does another one run with the same FRAUD_INSTANCE"):
        committer.abort(KafkaException(KafkaError(KafkaError._STATE)))


class Blocked:
    """A producer of which one call never returns, as librdkafka's may while a broker is gone."""

    def __init__(self, call):
        self.call = call

    def __getattr__(self, name):
        def answer(*_):
            if name == self.call:
                Event().wait()
            if name == "send_offsets_to_transaction" and self.call == "abort_transaction":
                raise KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION))

        return answer


def collect_error(call):
    """Make the call on another thread, and return what it raises."""
    raised = []

    def run():
        try:
            call()
        except Exception as error:
            raised.append(error)

    Thread(target=run, daemon=True).start()
    return wait_for(lambda: raised, 10, "the call ends")[0]


@pytest.mark.parametrize(
    "call",
    [
        "init_transactions",
        "send_offsets_to_transaction",
        "commit_transaction",
        "abort_transaction",
    ],
)
def test_a_call_that_never_returns_ends_the_process(monkeypatch, call):
    monkeypatch.setattr(committing, "DEADLINE_S", 0.05)
    give_up = Event()
    committer = committer_of(Blocked(call), give_up)

    def commit():
        committer.open()
        committer.commit({0: 1}, None)

    error = collect_error(commit)
    assert type(error) is OutageError
    assert "no answer from the cluster" in str(error)
    assert give_up.is_set()  # or an abandoned call would be repeated


class Unended:
    """A producer whose last transaction the brokers never end."""

    def init_transactions(self, _timeout):
        raise KafkaException(KafkaError(KafkaError.CONCURRENT_TRANSACTIONS, retriable=True))


def test_a_transaction_that_the_brokers_never_end_is_named(monkeypatch, caplog):
    monkeypatch.setattr(committing, "DEADLINE_S", 0.05)
    monkeypatch.setattr(committing, "_UNREACHABLE_PAUSE_S", 0.01)
    error = collect_error(committer_of(Unended()).open)
    assert type(error) is OutageError
    expected = "the brokers have not ended this worker's last transaction (docs/runbooks/"
    assert str(error).startswith(expected)
    assert expected in caplog.text
    assert "does not answer" not in caplog.text


class Silent:
    """A producer whose messages nobody acknowledges."""

    def flush(self, _timeout):
        return 1


def test_outputs_that_are_never_acknowledged_end_the_process(monkeypatch):
    monkeypatch.setattr(committing, "DEADLINE_S", 0.05)
    committer = FlushingCommitter(Connection("127.0.0.1:9"), Event())
    committer._producer = Silent()
    assert type(collect_error(lambda: committer.commit({0: 1}, None))) is OutageError
    assert committer.take_offsets_to_commit() == {}


def test_a_killed_workers_transaction_hides_the_others_commits_for_ten_seconds_at_most():
    settings = committing.make_producer_settings("fraud-scorer-a-0")
    assert settings["transaction.timeout.ms"] <= 10_000
    assert settings["transaction.timeout.ms"] / 1000 == OWN_TRANSACTION_S

"""What `fraud replay` refuses before it does anything."""

import zipfile

import pytest
from support.data import creditcard_files as creditcard
from support.data import own_payments


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (["--rate", "1", "--speed", "2x"], "mutually exclusive"),
        (["--speed", "fast"], "is not a speed: try 60x"),
        (["--speed", "0x"], "is not a speed: try 60x"),
        (["--rate=-1"], "is not a rate"),
        (["--rate", "nan"], "is not a rate"),
        (["--rate", "inf"], "is not a rate"),
        (["--rate", "1e999"], "is not a rate"),
        (["--rate", "fast"], "is not a rate: try 2000"),
        (["--from", "5", "--to", "5"], "--to must be greater than --from"),
        (["--run", "a b"], "letters, digits"),
        (["--label-delay", "soon"], "is not a duration"),
    ],
)
def test_bad_usage(run_fraud, bad, why):
    assert why in run_fraud.fail("replay", *bad, code=2)


@pytest.mark.parametrize("rate", ["nan", "inf", "-1"])
def test_the_demo_rejects_such_a_rate_too(run_fraud, rate):
    assert "is not a rate" in run_fraud.fail("demo", f"--rate={rate}", code=2)


WITHOUT = {
    name: tuple(column for column in creditcard.COLUMNS if column != name)
    for name in ("Time", "Class")
}


@pytest.mark.parametrize(
    ("rows", "columns", "arguments", "line"),
    [
        (["0", "2", "1"], creditcard.COLUMNS, ["--speed", "60x"], "row 2 is earlier than the row"),
        (["0"], creditcard.COLUMNS, ["--from", "10"], "has rows 0 to 0; none from row 10 on"),
        (["0"], WITHOUT["Time"], ["--speed", "60x"], "lacks the columns Time; the header has V1"),
        (["0"], WITHOUT["Class"], ["--labels"], "lacks the columns Class; the header has Time"),
        (["0", "x"], creditcard.COLUMNS, ["--labels"], "row 1: Time is 'x', not a number"),
        (["0", "1.75e9"], creditcard.COLUMNS, [], "row 1: Time is 1750000000, which looks like"),
    ],
)
def test_an_invalid_file_is_refused_before_connecting_to_kafka(
    tmp_path, monkeypatch, run_fraud, *, rows, columns, arguments, line
):
    monkeypatch.setenv("FRAUD_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    path = creditcard.write(
        tmp_path / "rows.csv",
        [creditcard.row(i, Time=time) for i, time in enumerate(rows)],
        columns,
    )
    code, printed, errors = run_fraud("replay", "--data", path, *arguments)
    assert (code, printed) == (1, "")
    assert errors.splitlines()[-1].startswith(f"fraud: {path}")
    assert line in errors.splitlines()[-1]


def test_rows_that_the_scorer_will_reject_are_counted(tmp_path, monkeypatch, run_fraud):
    monkeypatch.setenv("FRAUD_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    rows = [creditcard.row(0), creditcard.row(1, V3="", Amount="NA"), creditcard.row(2, V9="null")]
    path = creditcard.write(tmp_path / "rows.csv", rows)
    _, _, errors = run_fraud("replay", "--data", path, "-q")
    assert errors.splitlines()[0] == (
        "fraud: rows without a value in V1..V28 or Amount: 2; they are sent without it, and the "
        "scorer rejects them"
    )


@pytest.mark.parametrize("packed", [False, True])
def test_what_a_message_quotes_from_a_file_cannot_steer_the_terminal(tmp_path, run_fraud, packed):
    path = tmp_path / "rows.csv"
    header = "\x1b[31mTime,V1\x1b]0;x\x07"
    if packed:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(header, "")
    else:
        path.write_text(f"{header}\n1,2\n")
    code, _, errors = run_fraud("replay", "--data", path)
    assert code == 1
    assert r"\x1b[31mTime" in errors
    assert errors.replace("\n", "").isprintable()


def test_how_a_file_is_read_is_one_line_on_stderr(tmp_path, run_fraud):
    path = creditcard.write(tmp_path / "rows.csv", [creditcard.row(0)], WITHOUT["Time"])
    path.write_text(path.read_text().replace(",", ";").replace(".", ","))
    _, _, errors = run_fraud("replay", "--data", path, "--rate", 0, "--from", 1)
    assert errors.splitlines()[0] == (
        f"fraud: reading {path}: separator ';', decimal comma, no Time, rows are one second apart"
    )


def test_what_a_teams_own_file_lacks_is_said_before_connecting_to_kafka(
    tmp_path, monkeypatch, run_fraud
):
    monkeypatch.setenv("FRAUD_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    payments = own_payments.make(20)
    payments["channel"][3] = ""
    path = own_payments.write_csv(tmp_path / "own.csv", own_payments.flatten(payments))
    schema = tmp_path / "own.toml"
    schema.write_text(own_payments.SCHEMA.replace('label = "is_fraud"', ""))
    _, _, errors = run_fraud("replay", "--data", path, "--schema", schema)
    first, *others = errors.splitlines()
    assert first == (
        "fraud: rows without a value in payer.card, amount or channel: 1; they are sent without "
        "it, and the scorer rejects them"
    )
    assert "no broker answers" in others[-1]
    assert "own has no label" in run_fraud.fail(
        "replay", "--data", path, "--schema", schema, "--labels", code=1
    )

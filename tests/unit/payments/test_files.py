"""Training and replay read the same rows from every dialect of a payment file, or none."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.data import creditcard_files as creditcard
from support.data.transactions import ENCODER

from model import dataset
from payments.contract import INPUTS
from payments.errors import PaymentFileError
from payments.files import delimited
from payments.files.reader import open_file
from payments.schema.reading import read_schema
from producer.rows import Selection, encode_transaction, read

CREDITCARD = read_schema("creditcard")
ROWS = [
    {name: text.strip('"') for name, text in creditcard.row(i, Time=str(7 * i)).items()}
    for i in range(12)
]
HEADER = creditcard.COLUMNS


def read_table(path):
    return dataset.read(path, ENCODER)


def table(rows=ROWS, header=HEADER, separator=",", newline="\n", names=str):
    lines = [
        separator.join(names(name) for name in header),
        *(separator.join(row[name] for name in header) for row in rows),
    ]
    return newline.join(lines) + newline


def with_cell(row, name, text):
    return [ROWS[i] | ({name: text} if i == row else {}) for i in range(len(ROWS))]


def decimal_comma(text):
    return table(separator="\t").replace(".", ",").replace("\t", text)


def zipped(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("_csv", ".csv"), text)
    return file.getvalue()


def parquet(convert=lambda table: table):
    file = io.BytesIO()
    found = pyarrow.csv.read_csv(io.BytesIO(table().encode()))
    pyarrow.parquet.write_table(convert(found), file)
    return file.getvalue()


def tarred():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("creditcard.csv"))
    return file.getvalue()


def noted(notes, rows=ROWS):
    """A file with a last column `memo`, which is x in rows without a note."""
    noted_rows = [row | {"memo": notes.get(i, "x")} for i, row in enumerate(rows)]
    return table(noted_rows, (*HEADER, "memo")).encode()


def trained(path):
    """The rows for training: Time from the first row, V1..V28, Amount, Class."""
    found = dataset.read(path, ENCODER)
    return list((found - [found["Time"][0], *[0] * 30]).itertuples(index=False, name=None))


def replayed(path):
    """The same of a replay, from the transactions as they are sent."""
    rows = list(read(Selection(path, CREDITCARD), "r"))
    sent = [json.loads(encode_transaction(row)) for row in rows]
    return [
        (row.time - rows[0].time, *(values[name] for name in INPUTS), float(bool(row.is_fraud)))
        for row, values in zip(rows, sent, strict=True)
    ]


EXPECTED = [tuple(float(row[name]) for name in creditcard.COLUMNS) for row in ROWS]


def epoch(factor):
    return [row | {"Time": str((1_750_000_000 + int(row["Time"])) * factor)} for row in ROWS]


READ = {
    "plain": (table().encode(), []),
    "declared semicolons": (
        b"sep=;\r\n" + table(separator=";").encode(),
        ["separator ';'"],
    ),
    "declared semicolons in UTF-16": (
        ("sep=;\n" + table(separator=";")).encode("utf-16"),
        ["UTF-16", "separator ';'"],
    ),
    "semicolons": (table(separator=";").encode(), ["separator ';'"]),
    "tabs": (table(separator="\t").encode(), ["separator tab"]),
    "bars": (table(separator="|").encode(), ["separator '|'"]),
    "decimal comma": (decimal_comma(";").encode(), ["separator ';'", "decimal comma"]),
    "decimal comma, quoted": (
        decimal_comma('","').replace("\n", '"\n"').join(('"', "")).removesuffix('"').encode(),
        ["decimal comma"],
    ),
    "byte order mark": (table(newline="\r\n").encode("utf-8-sig"), []),
    "UTF-16": (table().encode("utf-16"), ["UTF-16"]),
    "UTF-16 without a mark": (table().encode("utf-16-le"), ["UTF-16-LE"]),
    "big-endian UTF-16": (table().encode("utf-16-be"), ["UTF-16-BE"]),
    "carriage returns": (table(newline="\r").encode(), []),
    "blank lines": (table(newline="\n\n").encode(), []),
    "other order": (table(header=(*reversed(HEADER[:-1]), "Class")).encode(), []),
    "extra columns": (
        table(
            [row | {"": "1", "note": '"a\nb, c"'} for row in ROWS], ("", *HEADER, "note")
        ).encode(),
        [],
    ),
    "extra column in Latin-1": (
        table([row | {"händler": "Höck"} for row in ROWS], (*HEADER, "händler")).encode("latin-1"),
        [],
    ),
    "lower case": (
        table(names=lambda name: name.lower()).encode(),
        ["'time' is Time", "'v1' is V1", "'v2' is V2", "28 more names in another case"],
    ),
    "quoted class": (table([row | {"Class": f"'{row['Class']}'"} for row in ROWS]).encode(), []),
    "class in words": (
        table([row | {"Class": str(row["Class"] == "1")} for row in ROWS]).encode(),
        [],
    ),
    "Unix seconds": (table(epoch(1)).encode(), ["Time in Unix seconds"]),
    "Unix milliseconds": (table(epoch(1000)).encode(), ["Time in Unix milliseconds"]),
    "gzip": (gzip.compress(table().encode()), ["gzip"]),
    "bzip2": (bz2.compress(table().encode()), ["bzip2"]),
    "xz": (lzma.compress(table().encode()), ["xz"]),
    "gzip of semicolons": (
        gzip.compress(table(separator=";").encode()),
        ["gzip", "separator ';'"],
    ),
    "zip": (zipped(creditcard_csv=table(), readme="text"), ["zip"]),
    "zip with a text": (zipped(**{"README.txt": "text", "a.csv": table()}), ["zip"]),
    "zip of a text": (zipped(**{"payments.txt": table()}), ["zip"]),
    "quotes inside text": (noted({1: '5" pipe', 2: '"a ""b"" c"', 3: '"x"y"'}), []),
    "line breaks in quotes": (noted({2: '"a\n\r\nb, c"', 11: '"d\n"'}), []),
    "Parquet": (parquet(), ["Parquet"]),
    "Parquet of text": (
        parquet(lambda found: found.cast(pa.schema([(name, pa.string()) for name in HEADER]))),
        ["Parquet"],
    ),
}

REFUSED = {
    "empty": (b"", "is empty"),
    "a byte order mark alone": ("\ufeff".encode(), "is empty"),
    "header alone": (table([]).encode(), "has a header and no rows"),
    "header without a line end": (table([]).strip().encode(), "has a header and no rows"),
    "Parquet without rows": (parquet(lambda found: found[:0]), "has a header and no rows"),
    "no columns": (
        b"a,b\n1,2\n",
        r"lacks the columns (Time, )?V1\.\.V28, Amount.*; the header has a, b",
    ),
    "repeated": (table(header=("Time", "V1", *HEADER[1:])).encode(), "repeats the column V1"),
    "repeated in another case": (
        table([row | {"AMOUNT": "1"} for row in ROWS], (*HEADER, "AMOUNT")).encode(),
        "repeats the column Amount",
    ),
    "Latin-1 account": (
        table([row | {"account_id": "José"} for row in ROWS], (*HEADER, "account_id")).encode(
            "latin-1"
        ),
        "row 0: account_id is not UTF-8 .byte 0xe9",
    ),
    "thousands": (
        table(with_cell(3, "Amount", '"1,234.50"')).encode(),
        "row 3: Amount is '1,234.50'; remove the thousands separators",
    ),
    "German thousands": (
        decimal_comma(";").replace("3,25;", "1.234,50;").encode(),
        "row 3: Amount is '1.234,50'; remove the thousands separators",
    ),
    "infinity": (
        table(with_cell(3, "V3", "inf")).encode(),
        "row 3: V3 is 'inf', which is infinite",
    ),
    "text": (table(with_cell(3, "V3", "abc")).encode(), "row 3: V3 is 'abc', not a number"),
    "negative": (
        table(with_cell(3, "Amount", "-5")).encode(),
        "row 3: Amount is '-5', which is negative",
    ),
    "negative in Parquet": (
        parquet(lambda found: found.set_column(29, "Amount", pc.negate(found["Amount"]))),
        "row 0: Amount is '-0.25', which is negative",
    ),
    "beyond float32": (
        table(with_cell(3, "V3", "1e308")).encode(),
        "row 3: V3 is '1e308', which does not fit a float32",
    ),
    "long account": (
        table([row | {"account_id": "a" * 129} for row in ROWS], (*HEADER, "account_id")).encode(),
        "row 0: account_id has 129 characters, 128 are allowed",
    ),
    "class": (table(with_cell(3, "Class", "2")).encode(), "row 3: Class is '2', not 0 or 1"),
    "no time": (table(with_cell(3, "Time", "")).encode(), "row 3: Time is missing"),
    "other unit": (
        table(with_cell(3, "Time", "1750000000000")).encode(),
        "row 3: Time is 1750000000000, which looks like Unix milliseconds; "
        "the first row has seconds from the first row",
    ),
    "no unit": (
        table(with_cell(0, "Time", "1e11")).encode(),
        "row 0: Time is 100000000000, neither seconds from the first row nor Unix time",
    ),
    "too late for the first row": (
        table(with_cell(0, "Time", "500000000")).encode(),
        "row 0: Time is 500000000, neither seconds from the first row nor Unix time; subtract",
    ),
    "a date as a number": (
        table(with_cell(0, "Time", "20260131")).encode(),
        "row 0: Time is 20260131, neither seconds",
    ),
    "days of Excel": (
        table(
            [row | {"Time": f"{45823.5 + i / 86400:.10f}"} for i, row in enumerate(ROWS)]
        ).encode(),
        "row 0: Time is 45823.5, which looks like a date of Excel in days; write seconds",
    ),
    "cut short": (table().encode()[:-8], "row 11 is cut short: it has 30 of 31 columns"),
    "too long": (
        table(with_cell(3, "V3", "1,5")).encode(),
        "row 3 has 32 columns, the header 31",
    ),
    "cut gzip": (gzip.compress(table().encode())[:-20], "is damaged: "),
    "gzip in gzip": (gzip.compress(gzip.compress(table().encode())), "is gzip in gzip; save it"),
    "zip in gzip": (gzip.compress(zipped(creditcard_csv=table())), "is zip in gzip; save it"),
    "Parquet in zip": (zipped(a_csv=parquet()), "is Parquet in zip; save it"),
    "tar": (tarred(), "is tar; save it"),
    "tar in gzip": (gzip.compress(tarred()), "is tar in gzip; save it"),
    "zstd": (pa.compress(table().encode(), "zstd", asbytes=True), "is zstd; save it"),
    "UTF-32": (table().encode("utf-32"), "is UTF-32; save it"),
    "UTF-32 without a mark": (table().encode("utf-32-le"), "is binary, not text"),
    "unknown binary": (b"\x01\x02\0\x03" * 20, "is binary, not text"),
    "Excel workbook": (zipped(**{"xl/workbook.xml": "", "x": ""}), "is an Excel workbook: save"),
    "empty zip": (zipped(), "expected one CSV in it, found nothing"),
    "cut zip": (zipped(creditcard_csv=table())[:-20], "is damaged: "),
    "two tables": (
        zipped(a_csv=table(), b_csv=table()),
        "expected one CSV in it, found a.csv, b.csv",
    ),
    "no table": (zipped(readme="text"), "expected one CSV in it, found readme"),
    "cut Parquet": (parquet()[:-20], "cannot be read as a table"),
    "dates": (
        parquet(lambda found: found.set_column(0, "Time", found["Time"].cast(pa.timestamp("s")))),
        r"the column Time has type timestamp\[ms\]; numbers are needed",
    ),
    "cut UTF-16": (table().encode("utf-16")[:-1], "is not valid utf-16"),
    "bytes as an account": (
        parquet(lambda found: found.append_column("account_id", pa.array([b"a"] * len(ROWS)))),
        "the column account_id has type binary; text is needed",
    ),
    "never closed": (b'"never closed', "lacks the columns"),
    "long header that is never closed": (b'"' + b"x" * 200_000, "the header opens a quote that is"),
    "open quote": (
        noted({1: '"open'}),
        "row 1 opens a quote before 'open' that is never closed: close it, or write a quote",
    ),
    "open quote in the last row": (
        noted({11: '"9,1'}),
        "row 11 opens a quote before '9,1' that",
    ),
    "open quote after closed ones": (
        noted({2: '"a\nb"', 3: '"""x"" "', 7: '"ab ""c"""', 9: '"open'}),
        "row 9 opens a quote before 'open' that is never closed",
    ),
    "quote closed in another row": (
        noted({1: '"open', 5: 'close"'}),
        "row 1 opens a quote before 'open' that closes on its line 5, around whole rows",
    ),
    "quote closed in the next row": (
        noted({1: '"open', 2: 'close"'}),
        "row 1 opens a quote before 'open' that closes on its line 2, around whole rows",
    ),
    "quote closed in another column": (
        noted({1: '"open'}, [*ROWS[:2], ROWS[2] | {"Class": '"0"'}, *ROWS[3:]]),
        "row 1 has 33 columns, the header 32, with a quote that closes on its line 2: close it",
    ),
    "open quote in UTF-16": (
        noted({4: '"open'}).decode().encode("utf-16"),
        "row 4 opens a quote before 'open' that is never closed",
    ),
    "open quote with carriage returns": (
        noted({4: '"open'}).replace(b"\n", b"\r"),
        "row 4 opens a quote before 'open' that is never closed",
    ),
}


@pytest.fixture
def written(tmp_path):
    def write(content):
        (tmp_path / "payments.dat").write_bytes(content)
        return tmp_path / "payments.dat"

    return write


@pytest.mark.parametrize("name", READ)
def test_training_and_replay_read_the_same_rows(written, name):
    content, notes = READ[name]
    path = written(content)
    assert trained(path) == EXPECTED
    assert replayed(path) == EXPECTED
    assert open_file(path, CREDITCARD).notes == notes


@pytest.mark.parametrize("name", REFUSED)
def test_training_and_replay_refuse_a_file_with_its_cause_in_one_line(written, name):
    content, cause = REFUSED[name]
    path = written(content)
    for use in (trained, lambda path: Selection(path, CREDITCARD).check()):
        with pytest.raises(PaymentFileError, match=cause) as refused:
            use(path)
        assert str(refused.value).startswith(str(path))
        assert "\n" not in str(refused.value)


MISSING = ["", '""', "NaN", "nan", " ", "NA", "n/a", "NULL", "null", "None", "<NA>", "#N/A"]


@pytest.mark.parametrize("text", MISSING)
def test_a_missing_value_means_the_same_to_all(written, text):
    path = written(table(with_cell(3, "V14", text)).encode())
    with pytest.raises(PaymentFileError, match="row 3: V14 is missing"):
        dataset.read(path, ENCODER)
    _, unusable = dataset.survey(path, CREDITCARD)
    assert [(one.name, one.missing, one.invalid) for one in unusable if one.missing] == [
        ("V14", 1, 0)
    ]
    sent = [json.loads(encode_transaction(row)) for row in read(Selection(path, CREDITCARD), "r")]
    assert [i for i, one in enumerate(sent) if "V14" not in one] == [3]
    assert [name for name in INPUTS if name not in sent[3]] == ["V14"]
    assert Selection(path, CREDITCARD).check() == (len(ROWS), 1)


@pytest.mark.parametrize("factor", [1, 1000, 10**6, 10**9])
def test_unix_times_become_the_event_times(written, factor):
    rows = read(Selection(written(table(epoch(factor)).encode()), CREDITCARD), "r")
    times = [json.loads(encode_transaction(row))["event_time"] for row in rows]
    assert times[:2] == ["2025-06-15T15:06:40Z", "2025-06-15T15:06:47Z"]


def test_a_part_of_a_file_keeps_its_times(written):
    part = [row | {"Time": f"{45823 + i}.125"} for i, row in enumerate(ROWS)]
    rows = read(Selection(written(table(part).encode()), CREDITCARD), "r")
    times = [json.loads(encode_transaction(row))["event_time"] for row in rows]
    assert times[0] == "2013-09-01T12:43:43.125000Z"


@pytest.mark.parametrize(
    ("times", "is_noted"),
    [
        ([45000, 45000, 45001], True),  # seconds of a part of a file, or days of Excel
        ([45000, 45000, 45100], False),
        ([0, 45000, 45001], False),
        ([24999, 25000, 25001], False),
    ],
)
def test_what_may_be_whole_days_of_excel_is_read_as_seconds_and_said(written, times, is_noted):
    rows = [row | {"Time": str(time)} for row, time in zip(ROWS, times, strict=False)]
    file = open_file(written(table(rows).encode()), CREDITCARD)
    said = (
        "times in seconds from the first row, from 45,000 (if they are Excel's days, write "
        "Unix seconds: (days - 25569) * 86400)"
    )
    assert file.notes == [said] * is_noted


def test_without_a_class_rows_have_no_label(written):
    path = written(table(header=HEADER[:-1]).encode())
    assert [row.is_fraud for row in read(Selection(path, CREDITCARD), "r")] == [None] * len(ROWS)
    for use in (
        lambda path: dataset.read(path, ENCODER),
        lambda path: Selection(path, CREDITCARD).check("Class"),
    ):
        with pytest.raises(PaymentFileError, match="lacks the columns Class"):
            use(path)
    assert "Class" not in dataset.survey(path, CREDITCARD)[0]
    partly = written(table(with_cell(3, "Class", "")).encode())
    assert [row.is_fraud is None for row in read(Selection(partly, CREDITCARD), "r")].index(
        True
    ) == 3
    with pytest.raises(PaymentFileError, match="row 3: Class is missing"):
        Selection(partly, CREDITCARD).check("Class")


def test_without_a_time_rows_are_a_second_apart(written):
    path = written(table(header=HEADER[1:]).encode())
    assert [row.time for row in read(Selection(path, CREDITCARD, first=2), "r")][:2] == [2.0, 3.0]
    for use in (
        lambda path: dataset.read(path, ENCODER),
        lambda path: Selection(path, CREDITCARD).check(ordered=True),
    ):
        with pytest.raises(PaymentFileError, match="lacks the columns Time"):
            use(path)


def test_rows_out_of_order_are_refused_if_order_matters(written):
    path = written(table(with_cell(4, "Time", "1")).encode())
    for use in (
        lambda path: dataset.read(path, ENCODER),
        lambda path: Selection(path, CREDITCARD).check(ordered=True),
    ):
        with pytest.raises(PaymentFileError, match="row 4 is earlier than the row before it"):
            use(path)
    assert Selection(path, CREDITCARD).check().rows == len(ROWS)


def test_rows_of_several_blocks_are_numbered_through(written, monkeypatch):
    monkeypatch.setattr(delimited, "_BLOCK", 1_000)
    path = written(table(with_cell(11, "V3", "abc")).encode())
    with pytest.raises(PaymentFileError, match="row 11: V3 is 'abc'"):
        Selection(path, CREDITCARD).check()
    assert Selection(path, CREDITCARD, first=2, end=11).check().rows == 9
    numbers = [row.number for row in read(Selection(path, CREDITCARD, first=2, limit=7), "r")]
    assert numbers == list(range(2, 9))
    last = with_cell(4, "Time", "1")
    with pytest.raises(PaymentFileError, match="row 4 is earlier"):
        Selection(written(table(last).encode()), CREDITCARD).check(ordered=True)


numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(
    values=st.lists(st.lists(numbers, min_size=28, max_size=28), min_size=1, max_size=5),
    separator=st.sampled_from(",;\t|"),
    mark=st.sampled_from(".,"),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be"]),
    pack=st.sampled_from([bytes, gzip.compress, lambda data: zipped(x_csv=data)]),
    header=st.permutations([*HEADER, "extra"]),
    names=st.sampled_from([str, str.upper, str.lower, lambda name: f" {name} "]),
)
@settings(max_examples=60, deadline=None)
def test_any_dialect_gives_the_same_rows(
    *, values, separator, mark, newline, encoding, pack, header, names
):
    rows = [
        {f"V{n}": repr(value).replace(".", mark) for n, value in enumerate(one, 1)}
        | {"Time": str(i), "Amount": f"{i}{mark}25", "Class": str(i % 2), "extra": 'a "b"'}
        for i, one in enumerate(values)
    ]
    quoted = [
        {name: '"' + text.replace('"', '""') + '"' for name, text in row.items()} for row in rows
    ]
    text = table(quoted, header, separator, newline, names)
    expected = [(float(i), *one, float(f"{i}.25"), float(i % 2)) for i, one in enumerate(values)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any"
        path.write_bytes(pack(text.encode(encoding)))
        assert replayed(path) == expected
        assert np.array_equal(np.array(trained(path)), np.array(expected))


@given(
    notes=st.lists(st.text('"x ', max_size=4), min_size=1, max_size=6),
    place=st.integers(0, len(HEADER)),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
)
@settings(max_examples=100, deadline=None)
def test_no_row_is_lost_to_a_quote(notes, place, newline):
    rows = [row | {"memo": note} for row, note in zip(ROWS, notes, strict=False)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any"
        header = (*HEADER[:place], "memo", *HEADER[place:])
        path.write_bytes(table(rows, header, newline=newline).encode())
        try:
            assert replayed(path) == EXPECTED[: len(rows)]
        except PaymentFileError as error:
            assert "quote" in str(error) and '"' in "".join(notes)


def test_a_file_that_is_not_read_to_its_end_leaves_no_thread_reading(tmp_path, monkeypatch):
    """Arrow reads ahead; a read that is under way when Python ends aborts the process."""
    path = tmp_path / "long.csv"
    line = ",".join(["0.25"] * 29)
    path.write_text("\n".join([",".join(INPUTS), *[line] * 60_000]) + "\n")
    reading = []
    read_block = delimited._CheckedText.read

    def read_slowly(self, size=-1):
        reading.append(size)
        time.sleep(0.02)
        block = read_block(self, size)
        reading.pop()
        return block

    monkeypatch.setattr(delimited._CheckedText, "read", read_slowly)
    batches = open_file(path, CREDITCARD).read_batches()
    assert next(batches).size
    batches.close()
    assert reading == []

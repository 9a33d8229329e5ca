"""Find quotes that swallow rows: one that is never closed, or that another row closes by chance.

A parser reads either as one long cell, without an error. A quoted cell may contain line breaks, but
not as many separators as a row on top of them.
"""

import re
from pathlib import Path

from payments.errors import PaymentFileError

_LINE_BREAK = re.compile(rb"[\r\n]")
_SHOWN = 20
ADVICE = "close it, or write a quote inside text twice"


class QuoteCheck:
    """Check the quotes of a text in UTF-8 that has a header.

    `columns`: of the header. `max_bytes`: of a row.
    """

    def __init__(self, path: Path, separator: str, columns: int, max_bytes: int) -> None:
        end = rf"{re.escape(separator)}\r\n"
        # Cells that are quoted from end to end, on one line: most files have no other quotes.
        self._simple = re.compile(
            rf'"(?:(?<=[{end}]")|(?<=\A"))[^"\r\n]*+(?:""[^"\r\n]*+)*+"(?=[{end}])'.encode()
        )
        # A quote is literal unless it starts a cell, and so is what follows the closing one.
        quoted = r'"[^"]*+(?:""[^"]*+)*+"'
        cell = rf'(?:{quoted}[^{end}]*+|[^"{end}][^{end}]*+)?+'
        record = rf"{cell}(?:{re.escape(separator)}{cell})*+[\r\n]"
        self._record = re.compile(record.encode())
        self._quoted = re.compile(rf"(?:(?<=[{end}])|\A){quoted}".encode())
        self._path = path
        self._separator = separator.encode()
        self._columns = columns
        self._max_bytes = max_bytes
        self._next = -1  # the number of the next row; -1 for the header
        self._rest = b""  # an incomplete row

    def add(self, block: bytes) -> None:
        """Check the next bytes; none at the end of the file. Raises PaymentFileError."""
        text = self._rest + (block or b"\n")
        end = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
        if b'"' not in self._simple.sub(b"", text[:end]):
            self._next += sum(1 for line in text[:end].splitlines() if line.strip())
        else:
            end = 0
            while match := self._record.match(text, end):
                self._check_record(match[0])
                end = match.end()
        self._rest = text[end:]
        if (not block or len(self._rest) > self._max_bytes) and (cell := self._find_open_cell()):
            raise self._refuse(cell, "that is never closed")

    def _check_record(self, record: bytes) -> None:
        for cell in self._quoted.findall(record):
            lines = len(cell.splitlines())
            if lines > 1 and cell.count(self._separator) >= self._columns - 1:
                raise self._refuse(cell, f"that closes on its line {lines}, around whole rows")
        self._next += bool(record.strip())

    def _find_open_cell(self) -> bytes:
        """Return the incomplete row from the quote that is still open; nothing without one."""
        closed = self._quoted.sub(lambda cell: b"x" * len(cell[0]), self._rest)
        opening = re.search(rb'(?:(?<=[%b\r\n])|\A)"' % re.escape(self._separator), closed)
        return self._rest[opening.start() :] if opening else b""

    def _refuse(self, cell: bytes, cause: str) -> PaymentFileError:
        shown = _LINE_BREAK.split(cell, maxsplit=1)[0][1 : _SHOWN + 1].decode(errors="replace")
        place = "the header" if self._next < 0 else f"row {self._next}"
        return PaymentFileError(
            f"{self._path}, {place} opens a quote before {shown!r} {cause}: {ADVICE}"
        )

"""Small files with the columns of creditcard.csv."""

from pathlib import Path

COLUMNS = ("Time", *(f"V{i}" for i in range(1, 29)), "Amount", "Class")


def row(i: int, **changes: str) -> dict[str, str]:
    """Return the texts of a row, different for each `i`; every tenth is a fraud."""
    values = {
        name: repr(((i * 31 + n * 17) % 4001 - 2000) / 1000) for n, name in enumerate(COLUMNS)
    }
    return (
        values
        | {"Time": str(i * 2), "Amount": f"{i}.25", "Class": f'"{int(i % 10 == 9)}"'}
        | changes
    )


def write(
    path: Path, rows: list[dict[str, str]], columns: tuple[str, ...] = COLUMNS, newline: str = "\n"
) -> Path:
    """Write rows as a CSV with a quoted header, like the original."""
    lines = [
        ",".join(f'"{name}"' for name in columns),
        *(",".join(row[name] for name in columns) for row in rows),
    ]
    path.write_bytes((newline.join(lines) + newline).encode())
    return path

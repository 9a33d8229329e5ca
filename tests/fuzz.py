"""Decode COUNT damaged transactions and random bytes: `python tests/fuzz.py [COUNT] [SEED]`.

Each must give a transaction that json and pydantic read alike, or a dead letter's reason. The first
that does not is printed and ends the run.
"""

import json
import random
import sys
from collections import Counter
from collections.abc import Callable

from support.soundness import FIELDS, check_decoding

NAMES = [*FIELDS, "account_id", "Class", "", "é", r"\u0056\u0031", r"Amoun\u0074", "a" * 200]
# fmt: off
TEXTS = [
    "null", "true", "false", "[]", "{}", '""', '"x"', "NaN", "Infinity", "-Infinity", "-0", "0",
    "1e5", "1E+5", "01", "+1", ".5", "1.", "0x1", "1_0", "1e309", "-1e309", "1e-400",
    "3.4028235677973366e38", "3.4028234e38", "1" * 40, "1" * 400, "1" * 5000, "1e" + "9" * 50,
    "0." + "0" * 400 + "1", "0." + "1" * 5000, "[" * 99 + "]" * 99, "[" * 200 + "]" * 200,
    '{"a":' * 50 + "1" + "}" * 50, '"2013-09-01T00:00:00Z"', '"2013-09-01T00:00:00"',
    '"2013-09-01 00:00:00Z"', '"2016-12-31T23:59:60Z"', '"0000-01-01T00:00:00Z"',
    '"9999-12-31T23:59:59.9999999-23:59"', '"2013-09-01T00:00:00+24:00"', '"20130901T000000Z"',
    '"2013-W35-7T00:00:00Z"', '"0"', r'"\ud83d\ude00"', r'"\ud83d"', r'"\udc00"', r'"\u0000"',
    r'"\/"', r'"\x"', '"\t"', '"😀"', '"é"', '"' + "😀" * 129 + '"', '"\u2028"',
]
BYTES = [
    b"\x00", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"{", b"}", b"[", b"]",
    b'"', b"\\", b",", b":", b"\n", b"/**/", b"-",
]
# fmt: on


def random_number(rng: random.Random) -> str:
    return rng.choice(
        [
            repr(rng.uniform(-1e3, 1e3)),
            str(rng.randint(-(10**30), 10**30)),
            f"{rng.uniform(-10, 10)}e{rng.randint(-330, 330)}",
        ]
    )


def add_field(rng: random.Random, value: bytes) -> bytes:
    """Add a field at the start, or at the end so that it overrides an earlier one."""
    name = rng.choice(NAMES)
    text = rng.choice(TEXTS) if rng.random() < 0.5 else random_number(rng)
    added = f'"{name}":{text}'.encode()
    return (
        b"{" + added + b"," + value[1:] if rng.random() < 0.3 else value[:-1] + b"," + added + b"}"
    )


def drop_field(rng: random.Random, value: bytes) -> bytes:
    parts = value.split(b", ")
    parts.pop(rng.randrange(len(parts)))
    return b", ".join(parts)


def replace_byte(rng: random.Random, value: bytes) -> bytes:
    at = rng.randrange(len(value) + 1)
    return value[:at] + rng.randbytes(1) + value[at + 1 :]


def insert_bytes(rng: random.Random, value: bytes) -> bytes:
    at = rng.randrange(len(value) + 1)
    return value[:at] + rng.choice(BYTES) + value[at:]


def cut_range(rng: random.Random, value: bytes) -> bytes:
    begin, end = sorted(rng.randrange(len(value) + 1) for _ in range(2))
    return value[:begin] + value[end:]


def move_range(rng: random.Random, value: bytes) -> bytes:
    a, b, c = sorted(rng.randrange(len(value) + 1) for _ in range(3))
    return value[:a] + value[b:c] + value[a:b] + value[c:]


def replace_all(rng: random.Random, value: bytes) -> bytes:
    return rng.randbytes(rng.randrange(400))


DAMAGES: list[Callable[[random.Random, bytes], bytes]] = [
    add_field,
    add_field,
    add_field,
    drop_field,
    replace_byte,
    insert_bytes,
    cut_range,
    move_range,
    replace_all,
]


def damage(rng: random.Random) -> bytes:
    """Damage a valid transaction one to three times."""
    value = json.dumps(FIELDS | {"V1": rng.gauss(0, 2), "Amount": rng.expovariate(0.01)}).encode()
    for _ in range(rng.choice([1, 1, 2, 3])):
        value = rng.choice(DAMAGES)(rng, value)
    return value


def main(count: str = "1000000", seed: str = "1") -> None:
    rng = random.Random(int(seed))
    outcomes = Counter()
    for _ in range(int(count)):
        value = damage(rng)
        try:
            outcomes[check_decoding(value)] += 1
        except BaseException:
            sys.stderr.write(f"{value!r}\n")
            raise
    counts = ", ".join(f"{kind} {count:,}" for kind, count in outcomes.most_common())
    sys.stdout.write(f"{sum(outcomes.values()):,} inputs: {counts}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

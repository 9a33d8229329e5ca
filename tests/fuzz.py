"""`python tests/fuzz.py [COUNT] [SEED]`: so many damaged transactions and random bytes through the decoder.

Each gives a transaction that json and pydantic read back, or a dead letter's reason; what does not is printed, and ends it.
"""

import json
import random
import sys
from collections import Counter
from collections.abc import Callable

from support.soundness import FIELDS, sound

NAMES = [*FIELDS, "account_id", "Class", "", "é", r"\u0056\u0031", r"Amoun\u0074", "a" * 200]
# fmt: off
TEXTS = [
    "null", "true", "false", "[]", "{}", '""', '"x"', "NaN", "Infinity", "-Infinity", "-0", "0", "1e5", "1E+5", "01", "+1", ".5", "1.",
    "0x1", "1_0", "1e309", "-1e309", "1e-400", "3.4028235677973366e38", "3.4028234e38", "1" * 40, "1" * 400, "1" * 5000, "1e" + "9" * 50,
    "0." + "0" * 400 + "1", "0." + "1" * 5000, "[" * 99 + "]" * 99, "[" * 200 + "]" * 200, '{"a":' * 50 + "1" + "}" * 50,
    '"2013-09-01T00:00:00Z"', '"2013-09-01T00:00:00"', '"2013-09-01 00:00:00Z"', '"2016-12-31T23:59:60Z"', '"0000-01-01T00:00:00Z"',
    '"9999-12-31T23:59:59.9999999-23:59"', '"2013-09-01T00:00:00+24:00"', '"20130901T000000Z"', '"2013-W35-7T00:00:00Z"', '"0"',
    r'"\ud83d\ude00"', r'"\ud83d"', r'"\udc00"', r'"\u0000"', r'"\/"', r'"\x"', '"\t"', '"😀"', '"é"', '"' + "😀" * 129 + '"', '"\u2028"',
]
BYTES = [
    b"\x00", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"\n", b"/**/", b"-",
]
# fmt: on


def number(rng: random.Random) -> str:
    return rng.choice(
        [
            repr(rng.uniform(-1e3, 1e3)),
            str(rng.randint(-(10**30), 10**30)),
            f"{rng.uniform(-10, 10)}e{rng.randint(-330, 330)}",
        ]
    )


def field(rng: random.Random, value: bytes) -> bytes:
    """One more field at the beginning, or at the end, where it counts."""
    added = (
        f'"{rng.choice(NAMES)}":{rng.choice(TEXTS) if rng.random() < 0.5 else number(rng)}'.encode()
    )
    return (
        b"{" + added + b"," + value[1:] if rng.random() < 0.3 else value[:-1] + b"," + added + b"}"
    )


def missing(rng: random.Random, value: bytes) -> bytes:
    parts = value.split(b", ")
    parts.pop(rng.randrange(len(parts)))
    return b", ".join(parts)


def flipped(rng: random.Random, value: bytes) -> bytes:
    at = rng.randrange(len(value) + 1)
    return value[:at] + rng.randbytes(1) + value[at + 1 :]


def inserted(rng: random.Random, value: bytes) -> bytes:
    at = rng.randrange(len(value) + 1)
    return value[:at] + rng.choice(BYTES) + value[at:]


def cut(rng: random.Random, value: bytes) -> bytes:
    begin, end = sorted(rng.randrange(len(value) + 1) for _ in range(2))
    return value[:begin] + value[end:]


def moved(rng: random.Random, value: bytes) -> bytes:
    a, b, c = sorted(rng.randrange(len(value) + 1) for _ in range(3))
    return value[:a] + value[b:c] + value[a:b] + value[c:]


def replaced(rng: random.Random, value: bytes) -> bytes:
    return rng.randbytes(rng.randrange(400))


DAMAGES: list[Callable[[random.Random, bytes], bytes]] = [
    field,
    field,
    field,
    missing,
    flipped,
    inserted,
    cut,
    moved,
    replaced,
]


def damaged(rng: random.Random) -> bytes:
    """A valid transaction, damaged once to three times."""
    value = json.dumps(FIELDS | {"V1": rng.gauss(0, 2), "Amount": rng.expovariate(0.01)}).encode()
    for _ in range(rng.choice([1, 1, 2, 3])):
        value = rng.choice(DAMAGES)(rng, value)
    return value


def main(count: str = "1000000", seed: str = "1") -> None:
    rng, outcomes = random.Random(int(seed)), Counter()
    for _ in range(int(count)):
        value = damaged(rng)
        try:
            outcomes[sound(value)] += 1
        except BaseException:
            sys.stderr.write(f"{value!r}\n")
            raise
    sys.stdout.write(
        f"{sum(outcomes.values()):,} inputs: {', '.join(f'{kind} {found:,}' for kind, found in outcomes.most_common())}\n"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

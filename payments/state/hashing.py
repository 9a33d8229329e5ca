"""Hash the values of entities to 64 bits. 0 is a missing value, and never the hash of a text.

A hash is part of what is stored: a change here makes stored hashes useless.
"""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from xxhash import xxh3_64_intdigest

from payments.arrays import Hashes

MISSING = 0
MAX_KEY_BYTES = 64  # of BLAKE2b
HASH_VERSION = 1
"""Stored beside the hashes. Change it with any change of the hashes of a value."""


def hash_texts(texts: Iterable[str | None]) -> Hashes:
    """Return the XXH3-64 of each text in UTF-8; None is missing."""
    return np.array([MISSING if text is None else _hash(text) for text in texts], np.uint64)


def hash_secrets(texts: Iterable[str | None], key: bytes) -> Hashes:
    """Return the keyed BLAKE2b of each text: without the key, nobody can test a guess.

    Raises ValueError for a key of more than 64 bytes.
    """
    hashes = [MISSING if text is None else _hash_keyed(text, key) for text in texts]
    return np.array(hashes, np.uint64)


def _hash(text: str) -> int:
    digest: int = xxh3_64_intdigest(text.encode())
    return digest or 1


def _hash_keyed(text: str, key: bytes) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8, key=key).digest(), "little") or 1

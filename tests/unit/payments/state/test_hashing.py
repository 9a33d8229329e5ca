import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest

from payments.state.hashing import MISSING, hash_secrets, hash_texts

KEY = b"a key of the deployment"


@given(st.lists(st.none() | st.text(), max_size=20))
def test_only_a_missing_value_is_0(texts):
    for hashes in (hash_texts(texts), hash_secrets(texts, KEY)):
        assert hashes.dtype == np.uint64
        assert [value == MISSING for value in hashes] == [text is None for text in texts]


def test_a_text_is_hashed_as_utf_8_by_xxh3():
    assert hash_texts(["zoë"])[0] == xxh3_64_intdigest("zoë".encode())


def test_a_stored_hash_never_changes():
    texts = ["a-1", ""]
    assert list(hash_texts(texts)) == [0x38F760F4187037A0, 0x2D06800538D394C2]
    assert list(hash_secrets(texts, KEY)) == [0x89BB5E836D100844, 0x749A00C41B75D0F]


def test_a_secret_needs_its_key():
    texts = ["4000001234567899"]
    assert hash_secrets(texts, KEY)[0] != hash_secrets(texts, b"another key")[0]
    assert hash_secrets(texts, KEY)[0] != hash_texts(texts)[0]

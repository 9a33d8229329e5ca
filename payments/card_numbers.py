"""Masks card numbers in what people are shown: the first six digits and the last four stay.

That is the most that PCI DSS lets anyone see without a business need (requirement 3.4.1). The
topics keep the bytes as sent, so the scorer never looks for card numbers.
"""

import re
from typing import Any

import msgspec

from payments.contract import INPUTS

# Issuers' ranges start with 2 to 6; the digits may be in groups of 4, or of 4, 6 and 4 or 5, all
# with the same character between them. They are not part of a longer number, and digits without
# groups not of a decimal number either. The console uses this pattern in JavaScript.
PATTERN = (
    r"(?<!\d)(?<!\d\.)(?:(?<!\.)[2-6]\d{12,18}(?!\.\d)"
    r"|[2-6]\d{3}([ ._-])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?"
    r"|3\d{3}([ ._-])\d{6}\2\d{4,5})(?!\d)"
)
_IN_TEXT = re.compile(PATTERN, re.ASCII)
_IN_BYTES = re.compile(PATTERN.encode())
_ESCAPED = rb"\u00"  # may write a digit
# In data, masking an id would separate an alert from its account and its labels. What is shown to
# people, in a terminal or in the console (api/static/format.js), masks ids too.
_KEPT = frozenset({"transaction_id", "account_id", *INPUTS})
_FIRST = 6
_LAST = 4


def mask_text(text: str) -> str:
    """Return the text with its card numbers masked: 13 to 19 digits with a valid check digit."""
    return _IN_TEXT.sub(_mask, text)


def mask_json(value: bytes) -> bytes:
    """Return a JSON document with the card numbers of its own fields masked.

    A number becomes a string. Without a card number, or if it is not JSON, the value is unchanged.
    """
    if _ESCAPED not in value and not _IN_BYTES.search(value):
        return value
    try:
        document = msgspec.json.decode(value)
        masked = _mask_value(document)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return value
    return value if masked == document else msgspec.json.encode(masked)


def _mask(match: re.Match[str]) -> str:
    text = match[0]
    digits = [int(character) for character in text if character.isdigit()]
    if not _has_check_digit(digits):
        return text
    hidden = range(_FIRST, len(digits) - _LAST)
    shown = iter("*" if number in hidden else str(digit) for number, digit in enumerate(digits))
    return "".join(next(shown) if character.isdigit() else character for character in text)


def _has_check_digit(digits: list[int]) -> bool:
    """Return whether the last digit is the check digit of the others (ISO/IEC 7812-1, Luhn)."""
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _mask_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            mask_text(name): kept if name in _KEPT else _mask_value(kept)
            for name, kept in value.items()
        }
    if isinstance(value, list):
        return [_mask_value(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        masked = mask_text(str(value))
        return value if masked == str(value) else masked
    return mask_text(value) if isinstance(value, str) else value

"""Masks card numbers in what people are shown: the first six digits and the last four stay.

That is the most that PCI DSS lets anyone see without a business need (requirement 3.4.1). The
topics keep the bytes as sent, so the scorer never looks for card numbers.
"""

import re

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
_FIRST = 6
_LAST = 4


def mask_text(text: str) -> str:
    """Return the text with its card numbers masked: 13 to 19 digits with a valid check digit."""
    return _IN_TEXT.sub(_mask, text)


def may_have_card_number(value: bytes) -> bool:
    """Return whether a JSON document may have a card number."""
    return _ESCAPED in value or _IN_BYTES.search(value) is not None


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

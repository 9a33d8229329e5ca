"""Names and values of features for people."""

from payments.contract import COMPONENTS

ANONYMOUS = "V1 to V28 are anonymous principal components. Their meaning is not published."

_NAMES = {component: f"component {number}" for number, component in enumerate(COMPONENTS, 1)} | {
    "Amount": "amount"
}


def shorten_name(feature: str) -> str:
    """Return `component 14` for V14, `amount` for Amount, and any other name unchanged."""
    return _NAMES.get(feature, feature)


def name(feature: str) -> str:
    """Return `anonymous component 14 (V14)` for V14; for other features, the short name.

    The name says that a component has no known meaning, and which field of the transaction it is.
    """
    if feature in COMPONENTS:
        return f"anonymous {_NAMES[feature]} ({feature})"
    return shorten_name(feature)


def format_value(feature: str, value: float, digits: int = 4) -> str:
    """Return `25,691.16` for Amount, whole seconds for Time, else `digits` significant digits."""
    if feature == "Amount":
        return f"{value:,.2f}"
    if feature == "Time":
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"

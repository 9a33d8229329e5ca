"""What people read instead of a feature's name."""

from payments.contract import COMPONENTS

ANONYMOUS = "V1 to V28 are anonymous: principal components, whose meaning the data's authors keep to themselves."

_NAMES = {component: f"component {number}" for number, component in enumerate(COMPONENTS, 1)} | {
    "Amount": "amount"
}


def short_name(feature: str) -> str:
    """`component 14` for V14, `amount` for Amount; a feature that is not known here keeps its name."""
    return _NAMES.get(feature, feature)


def name(feature: str) -> str:
    """`anonymous component 14 (V14)`, so that nobody takes it for behaviour, and finds it in the transaction; `amount`."""
    return (
        f"anonymous {_NAMES[feature]} ({feature})" if feature in COMPONENTS else short_name(feature)
    )

"""The messages that the system writes, declared once; `payments.transaction` has the input.

The stream's records (`payments.records`), the JSON Schemas and the API's schema are derived from
these classes. Fields are encoded in the order of their declaration.
"""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

CONTRACT_VERSION = "1"

# Smallest number that rounds to infinity in a float32 (IEEE 754, round half to even).
FLOAT32_OVERFLOW = float(2**128 - 2**103)

# What the model of the schema `creditcard` reads, in its order: 28 anonymous principal components,
# then the amount. Only what is about creditcard.csv uses these, such as its simulation.
COMPONENTS = tuple(f"V{i}" for i in range(1, 29))
INPUTS = (*COMPONENTS, "Amount")

IDENTIFIER_CHARACTERS = 128  # at most
Identifier = Annotated[str, Field(min_length=1, max_length=IDENTIFIER_CHARACTERS)]
Float32 = Annotated[float, Field(gt=-FLOAT32_OVERFLOW, lt=FLOAT32_OVERFLOW, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1)]
Decision = Literal["approve", "review", "block"]
DECISIONS: tuple[Decision, ...] = ("approve", "review", "block")


class Message(BaseModel):
    """Base of all messages: ignores unknown fields and doesn't convert text to numbers."""

    model_config = ConfigDict(extra="ignore", strict=True, protected_namespaces=())


class _Identified(Message):
    transaction_id: Identifier
    event_time: AwareDatetime = Field(description="RFC 3339 with an offset")


class Thresholds(Message):
    """Lowest probabilities at which a payment is reviewed and blocked."""

    review: Probability
    block: Probability


class Reason(Message):
    """One feature's exact contribution to an alert's margin."""

    feature: str
    value: float
    usual: tuple[float, float] = Field(
        description="1st and 99th percentile among legitimate training rows"
    )
    contribution: float = Field(description="TreeSHAP value on the margin's scale")


class Prediction(_Identified):
    """The decision about one valid record of `transactions`."""

    scored_at: AwareDatetime
    probability: Probability
    decision: Decision
    model_version: str
    transaction: Any = Field(description="the input, byte for byte")


class Alert(_Identified):
    """A prediction other than `approve`, with its reasons.

    base + sum(contribution) + rest = margin within 1e-4.
    """

    scored_at: AwareDatetime
    probability: Probability
    margin: float
    decision: Decision
    thresholds: Thresholds
    amount: float
    expected_loss: float = Field(description="probability x amount")
    model_version: str
    base: float
    reasons: list[Reason]
    rest: float
    transaction: Any


class Label(Message):
    """The late truth about a transaction.

    The last `labelled_at` wins; it counts no later than the label arrived.
    """

    transaction_id: Identifier
    account_id: Identifier | None = None
    is_fraud: bool
    labelled_at: AwareDatetime
    source: Literal["chargeback", "analyst", "replay"]
    labelled_by: str | None = None

"""The messages that the system writes, declared once; `payments.transaction` has the input.

The stream's records (`payments.records`), the JSON Schemas and the API's schema are derived from
these classes. Fields are encoded in the order of their declaration.
"""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

CONTRACT_VERSION: Literal[2] = 2

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


class Thresholds(Message):
    """Lowest probabilities at which a payment is reviewed and blocked."""

    review: Probability
    block: Probability


class Source(Message):
    """The record of `transactions` that a message was made from."""

    partition: int = Field(ge=0)
    offset: int = Field(ge=0)


class Reason(Message):
    """One feature's exact contribution to an alert's margin."""

    feature: str
    label: str = Field(description="the feature in words")
    value: float | str | None = Field(description="text of a category; null: missing")
    usual: tuple[float, float] | dict[str, float] = Field(
        description="1st and 99th percentile among legitimate training rows; of a category, the "
        "`share` of them with this value"
    )
    contribution: float = Field(description="TreeSHAP value on the margin's scale")


class _Scored(Message):
    contract: Literal[2] = Field(description="the version of the contract")
    transaction_id: Identifier
    event_time: AwareDatetime = Field(description="RFC 3339 with an offset")
    scored_at: AwareDatetime
    probability: Probability
    decision: Decision
    decided_by: Literal["model"]
    model_version: str
    schema_reference: str = Field(
        alias="schema", description="name@hash of the schema that the transaction was read with"
    )
    source: Source
    features: list[float | None] | None = Field(
        None,
        description="the model's features that are no fields of the transaction (calendar, "
        "velocity, risk), in the manifest's order; as float32 the model's own bits, null: missing; "
        "absent if there are none",
    )


class Prediction(_Scored):
    """The decision about one valid record of `transactions`."""

    transaction: Any = Field(description="the input, byte for byte")


class Alert(_Scored):
    """A prediction other than `approve`, with its reasons.

    base + sum(contribution) + rest = margin within 1e-4.
    """

    margin: float
    thresholds: Thresholds
    amount: float
    expected_loss: float = Field(description="probability x amount")
    base: float
    reasons: list[Reason]
    rest: float
    transaction: Any = Field(description="the input, byte for byte")


class KeptReason(Reason):
    """A reason of an alert on the topic, which lacks the label in version 1."""

    label: str | None = None  # type: ignore[assignment]


class KeptAlert(Alert):
    """An alert on the topic, which lacks some fields in version 1: types wider than Alert's."""

    contract: Literal[2] | None = None  # type: ignore[assignment]
    decided_by: Literal["model"] | None = None  # type: ignore[assignment]
    schema_reference: str | None = Field(None, alias="schema")  # type: ignore[assignment]
    source: Source | None = None  # type: ignore[assignment]
    reasons: list[KeptReason]  # type: ignore[assignment]


LabelSource = Literal[
    "chargeback", "network_report", "dispute_won", "customer", "analyst", "sample", "replay"
]


class Label(Message):
    """The late truth about a transaction.

    The source of the highest rank in the schema wins, of its labels the one with the last
    `labelled_at`, which counts no later than the label arrived.
    """

    transaction_id: Identifier
    entities: dict[str, Identifier] = Field(
        description="the transaction's values of the schema's entity fields"
    )
    event_time: AwareDatetime = Field(description="the transaction's")
    is_fraud: bool
    labelled_at: AwareDatetime
    source: LabelSource
    reason: str | None = Field(
        None, description="why; one that the schema lists as `no_fraud` makes `is_fraud` false"
    )
    labelled_by: str | None = None


class KeptLabel(Label):
    """A label on the topic: in version 1 it has an account in place of entities, and no time."""

    entities: dict[str, Identifier] | None = None  # type: ignore[assignment]
    event_time: AwareDatetime | None = None  # type: ignore[assignment]
    account_id: Identifier | None = None

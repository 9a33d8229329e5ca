"""`fraud threshold`: compare choices of thresholds, and save another one without training again."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.app import MODEL, app
from cli.support.options import AsJson, ModelFolder, SchemaName
from cli.support.parsers import make_number_parser
from cli.support.settings import Settings

if TYPE_CHECKING:
    from model.manifest import Policy
    from model.training.forward_cuts import Cut
    from model.training.thresholds import LabelledScores, Outcome
    from payments.contract import Thresholds

ReviewProbability = Annotated[
    float | None,
    typer.Option(
        parser=make_number_parser(1e-9, 0.999999),
        metavar="SHARE",
        help="Review payments from this probability on. [default: 0.2]",
    ),
]
AlertsPerDay = Annotated[
    float | None,
    typer.Option(
        parser=make_number_parser(1, 1e12),
        metavar="NUMBER",
        help="Review at most this many payments a day; replaces --review-probability.",
    ),
]
BlockPrecision = Annotated[
    float | None,
    typer.Option(
        min=0.01,
        max=0.9999,
        metavar="SHARE",
        help="Block when at least this share of blocked payments is fraud (lower 90% bound). "
        "[default: 0.95]",
    ),
]
# more than any real cost; sums over all rows stay finite
_parse_cost = make_number_parser(0, 1e9)
CostReview = Annotated[
    float | None,
    typer.Option(
        parser=_parse_cost,
        metavar="AMOUNT",
        help="Cost of a review; with --cost-block, replaces --review-probability and "
        "--block-precision.",
    ),
]
CostBlock = Annotated[
    float | None,
    typer.Option(
        parser=_parse_cost, metavar="AMOUNT", help="Cost of blocking a legitimate payment."
    ),
]

# From an analyst's hour to a team's day, and scores, precisions and costs around the defaults.
_SCORES = (0.9, 0.5, 0.3, 0.2, 0.1, 0.05)
_CAPACITIES = (10, 25, 50, 100, 200, 400)
_PRECISIONS = (0.5, 0.8, 0.9, 0.93, 0.95, 0.97)
_COSTS = ((1, 20), (5, 20), (5, 100), (20, 100))
_HEADINGS = (
    "",
    "from",
    "flagged",
    "a day",
    "frauds",
    "prec.",
    "bound",
    "recall",
    "caught",
    "legit.",
    "of all",
    "stopped",
    "later a day",
    "later recall",
)
_WIDTH = 132  # minimum, so that no number is cut off


@app.command(rich_help_panel=MODEL)
def threshold(
    *,
    model: ModelFolder = None,
    schema_name: SchemaName = None,
    review_probability: ReviewProbability = None,
    alerts_per_day: AlertsPerDay = None,
    block_precision: BlockPrecision = None,
    cost_review: CostReview = None,
    cost_block: CostBlock = None,
    save: Annotated[
        bool,
        typer.Option("--save", help="Save this choice as a new version, and point `latest` to it."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what thresholds would have done on the out-of-fold rows; save a choice with --save.

    Also shows the range over later rows, each chosen on earlier ones. The model is not trained
    again.

    Example: fraud threshold --alerts-per-day 50 --block-precision 0.9 --save
    """
    import pandas as pd

    from model.artefact import Model
    from model.publish import save_thresholds
    from model.training.forward_cuts import read_cuts
    from model.training.thresholds import LabelledScores, choose_thresholds

    settings = Settings.from_environment(model_dir=model, schema_name=schema_name)
    policy = choose_policy(
        review_probability, alerts_per_day, block_precision, cost_review, cost_block
    )
    if save and policy is None:
        raise typer.BadParameter(
            "--save needs a choice: --review-probability, --alerts-per-day, --block-precision, or "
            "both costs"
        )
    loaded = Model.load(settings.model, settings.schema)
    reference = pd.read_parquet(loaded.reference)
    manifest = loaded.manifest
    scored = LabelledScores.from_reference(reference, manifest.payments_per_day)
    cuts = read_cuts(reference, manifest.out_of_fold.first, manifest.payments_per_day)
    policies = {"asked for": [policy]} if policy else _list_policies(scored)
    choices = {"in use": [_describe_choice(manifest.policy, loaded.thresholds, scored, cuts)]}
    for group, members in policies.items():
        choices[group] = [
            _describe_choice(one, choose_thresholds(one, scored), scored, cuts) for one in members
        ]
    if save and policy:
        loaded = save_thresholds(loaded, choose_thresholds(policy, scored), policy, settings.models)
    result = {
        "version": loaded.version,
        "directory": str(loaded.directory),
        "saved": save,
        **_describe_rows(scored),
        "choices": choices,
    }
    if as_json:
        print(json.dumps(result, allow_nan=False))
    else:
        _show(result, settings.schema.roles.amount)


def choose_policy(
    review_probability: float | None,
    alerts_per_day: float | None,
    block_precision: float | None,
    cost_review: float | None,
    cost_block: float | None,
) -> "Policy | None":
    """Return the policy that the options ask for, or None if none is given.

    Raises typer.BadParameter for half of a policy, and for two policies.
    """
    from model.manifest import Capacity, Costs, Precision, Score
    from model.training.thresholds import DEFAULT_POLICY

    limits = (review_probability, alerts_per_day, block_precision)
    costs = (cost_review, cost_block)
    if all(option is None for option in (*limits, *costs)):
        return None
    if cost_review is not None and cost_block is not None and limits == (None, None, None):
        return Costs(cost_review=cost_review, cost_block=cost_block)
    if costs != (None, None):
        raise typer.BadParameter(
            "--cost-review and --cost-block go together, without --review-probability, "
            "--alerts-per-day and --block-precision"
        )
    if review_probability is not None and alerts_per_day is not None:
        raise typer.BadParameter("give only one of --review-probability and --alerts-per-day")
    review: Score | Capacity = DEFAULT_POLICY.review
    if review_probability is not None:
        review = Score(probability=review_probability)
    if alerts_per_day is not None:
        review = Capacity(alerts_per_day=alerts_per_day)
    block = (
        DEFAULT_POLICY.block if block_precision is None else Precision(precision=block_precision)
    )
    return DEFAULT_POLICY.model_copy(update={"review": review, "block": block})


def describe_threshold(name: str, start: float, outcome: "Outcome", amount: str) -> str:
    """Return what a threshold does to the out-of-fold rows, in one line.

    `amount` is the name of the payments' amount.
    """
    from model.reports.rendering import format_decimals
    from model.training.thresholds import UNREACHABLE

    if start == UNREACHABLE:
        return (
            f"{name}: no score on the out-of-fold rows is high enough, so it is never reached; "
            "see: fraud threshold"
        )
    return (
        f"{name} from {start:.6g}: {outcome.caught} frauds among {outcome.flagged} flagged "
        f"({outcome.alerts_a_day:.0f} a day), precision {format_decimals(outcome.precision, 3)}, "
        f"recall {format_decimals(outcome.recall, 3)} on the out-of-fold rows; legitimate payments "
        f"flagged: {outcome.stopped} of {outcome.legitimate:,} ({outcome.stopped_share or 0:.4%}), "
        f"{outcome.stopped_amount:,.2f} of their {outcome.legitimate_amount:,.2f} in {amount}"
    )


def describe_threshold_as_json(
    start: float, outcome: "Outcome", confidence: float = 0.9
) -> dict[str, Any]:
    """Return a threshold and what it does to the out-of-fold rows, for JSON."""
    return {
        "probability": start,
        **asdict(outcome),
        "precision": outcome.precision,
        "precision_low": outcome.bound_precision(confidence),
        "recall": outcome.recall,
        "alerts_a_day": outcome.alerts_a_day,
        "stopped": outcome.stopped,
        "stopped_share": outcome.stopped_share,
    }


def _list_policies(scored: "LabelledScores") -> "dict[str, list[Policy]]":
    """Return the choices to compare, without the capacities beyond all payments of a day."""
    from model.manifest import Capacity, Costs, Precision, Score
    from model.training.thresholds import DEFAULT_POLICY

    scores = [Score(probability=probability) for probability in _SCORES]
    payments_per_day = len(scored.probabilities) / scored.days
    capacities = [
        Capacity(alerts_per_day=alerts) for alerts in _CAPACITIES if alerts <= payments_per_day
    ]
    precisions = [Precision(precision=precision) for precision in _PRECISIONS]
    return {
        "review": [
            DEFAULT_POLICY.model_copy(update={"review": one}) for one in (*scores, *capacities)
        ],
        "block": [DEFAULT_POLICY.model_copy(update={"block": one}) for one in precisions],
        "costs": [Costs(cost_review=review, cost_block=block) for review, block in _COSTS],
    }


def _describe_choice(
    policy: "Policy", thresholds: "Thresholds", scored: "LabelledScores", cuts: "list[Cut]"
) -> dict[str, Any]:
    from model.manifest import Costs
    from model.training.forward_cuts import CutRanges
    from model.training.thresholds import apply_thresholds, compute_cost

    choice: dict[str, Any] = {"policy": policy.model_dump()}
    for name, outcome in apply_thresholds(thresholds, scored).items():
        choice[name] = describe_threshold_as_json(getattr(thresholds, name), outcome)
    if isinstance(policy, Costs):
        choice["cost"] = compute_cost(policy, thresholds, scored)
    choice["later"] = asdict(CutRanges.of([cut.try_policy(policy) for cut in cuts]))
    return choice


def _describe_rows(scored: "LabelledScores") -> dict[str, float]:
    rows = len(scored.is_fraud)
    return {
        "rows": rows,
        "frauds": int(scored.is_fraud.sum()),
        "payments_per_day": rows / scored.days,
    }


def _show(result: dict[str, Any], amount: str) -> None:
    title = (
        f"model {result['version']} on {result['rows']:,} out-of-fold rows, "
        f"{result['frauds']} frauds"
    )
    table = Table(box=None, padding=(0, 1, 0, 0), title=title, title_justify="left")
    for heading in _HEADINGS:
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for group, choices in result["choices"].items():
        table.add_row(group, style="bold")
        for choice in choices:
            for name in [group] if group in ("review", "block") else ["review", "block"]:
                later = _later_cells(choice["later"]) if name == "review" else []
                table.add_row(_label(choice["policy"], name), *_format_cells(choice[name]), *later)
            if "cost" in choice:
                table.add_row(f"  {choice['cost']:,.0f} in total")
    Console(width=max(Console().width, _WIDTH)).print(table)
    print(
        f"a day: of {result['payments_per_day']:,.0f} payments; prec., bound: precision and its "
        f"lower 90% bound; caught: {amount} of the frauds flagged"
    )
    print(
        "legit., of all, stopped: legitimate payments flagged, their share of all legitimate "
        f"payments, and their {amount}"
    )
    print(
        "later: mean and range over cuts, at each of which the choice is made on earlier rows and "
        "judged on later ones"
    )
    if result["saved"]:
        print(f"saved as {result['directory']}; `latest` points to it")


def _format_cells(threshold: dict[str, Any]) -> list[str]:
    from model.reports.rendering import format_decimals
    from model.training.thresholds import UNREACHABLE

    probability = threshold["probability"]
    stopped_share = threshold["stopped_share"]
    return [
        "never" if probability == UNREACHABLE else f"{probability:.3g}",
        str(threshold["flagged"]),
        f"{threshold['alerts_a_day']:.0f}",
        str(threshold["caught"]),
        format_decimals(threshold["precision"], 3),
        f"{threshold['precision_low']:.3f}",
        format_decimals(threshold["recall"], 3),
        f"{threshold['caught_amount']:,.0f}",
        str(threshold["stopped"]),
        "-" if stopped_share is None else f"{stopped_share:.4%}",
        f"{threshold['stopped_amount']:,.0f}",
    ]


def _later_cells(later: dict[str, Any]) -> list[str]:
    """Return alerts a day and recall on later rows, each as `183 (115-330)`."""
    cells = []
    for name, digits in (("alerts_per_day", 0), ("recall", 2)):
        found = later[name]
        if found is None:
            cells.append("-")
            continue
        mean, low, high = (f"{found[part]:.{digits}f}" for part in ("mean", "low", "high"))
        cells.append(f"{mean} ({low}-{high})")
    return cells


def _label(policy: dict[str, Any], name: str) -> str:
    if "cost_review" in policy:
        return f"  {name}, {policy['cost_review']:,.12g} / {policy['cost_block']:,.12g}"
    if name == "review" and "probability" in policy["review"]:
        return f"  from p = {policy['review']['probability']:g}"
    if name == "review":
        return f"  {policy['review']['alerts_per_day']:g} a day"
    return f"  {policy['block']['precision']:g} of it fraud"

"""`fraud threshold`: what each choice of thresholds would have done, and another choice without training again."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.app import app

if TYPE_CHECKING:
    from model.manifest import Policy
    from model.training.thresholds import LabelledScores, Outcome
    from payments.contract import Thresholds

AlertsPerDay = Annotated[
    float | None,
    typer.Option(min=1, help="Review: room for so many of 142,404 payments a day. [default: 100]"),
]
BlockPrecision = Annotated[
    float | None,
    typer.Option(
        min=0.01,
        max=0.9999,
        help="Block: this share of frauds at least, by the lower 90 % bound. [default: 0.95]",
    ),
]
_MOST_COST = 1e9  # sums over all rows stay finite, and in no currency does a payment cost more
CostReview = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=_MOST_COST,
        help="What a review costs; with --cost-block, instead of the two above.",
    ),
]
CostBlock = Annotated[
    float | None,
    typer.Option(min=0, max=_MOST_COST, help="What it costs to block a legitimate payment."),
]

# From a single analyst's hour to a team's day, and the precisions and costs around the defaults.
_CAPACITIES = (10, 25, 50, 100, 200, 400)
_PRECISIONS = (0.5, 0.8, 0.9, 0.93, 0.95, 0.97)
_COSTS = ((1, 20), (5, 20), (5, 100), (20, 100))
_WIDTH = 132  # in a file, a pipe or a narrow terminal: no number is cut off


@app.command()
def threshold(
    *,
    model: Annotated[
        Path | None,
        typer.Option(help="A model's folder; default: FRAUD_MODEL_DIR, else the one in use."),
    ] = None,
    alerts_per_day: AlertsPerDay = None,
    block_precision: BlockPrecision = None,
    cost_review: CostReview = None,
    cost_block: CostBlock = None,
    save: Annotated[
        bool,
        typer.Option(
            "--save", help="Write this choice as a new version, which `latest` then names."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Show what thresholds would have done on the out-of-fold rows; with --save, use them: nothing is trained again.

    Example: fraud threshold --alerts-per-day 50 --block-precision 0.9 --save
    """
    import pandas as pd

    from cli.support.settings import Settings
    from model.artefact import Model
    from model.publish import save_thresholds
    from model.training.thresholds import LabelledScores, choose_thresholds

    settings = Settings.from_environment()
    policy = policy_from_options(alerts_per_day, block_precision, cost_review, cost_block)
    if save and policy is None:
        raise typer.BadParameter(
            "--save needs a choice: --alerts-per-day, --block-precision, or both costs"
        )
    loaded = Model.load(model or settings.model)
    scored = LabelledScores.from_reference(pd.read_parquet(loaded.reference))
    asked = {"asked for": [policy]} if policy else _catalogue()
    found = {"in use": [_choice(loaded.manifest.policy, loaded.thresholds, scored)]}
    found |= {
        group: [_choice(one, choose_thresholds(one, scored), scored) for one in policies]
        for group, policies in asked.items()
    }
    if save and policy:
        loaded = save_thresholds(loaded, choose_thresholds(policy, scored), policy, settings.models)
    result = {
        "version": loaded.version,
        "directory": str(loaded.directory),
        "saved": save,
        **_rows(scored),
        "choices": found,
    }
    print(json.dumps(result, allow_nan=False)) if as_json else _show(result)


def policy_from_options(
    alerts_per_day: float | None,
    block_precision: float | None,
    cost_review: float | None,
    cost_block: float | None,
) -> "Policy | None":
    """The policy that options ask for, or None if none is given. Raises typer.BadParameter for half of one, for two, or too much."""
    from model.manifest import Capacity, Costs, Precision
    from model.training.thresholds import DEFAULT_POLICY, TRANSACTIONS_A_DAY

    if alerts_per_day is not None and alerts_per_day > TRANSACTIONS_A_DAY:
        raise typer.BadParameter(
            f"--alerts-per-day {alerts_per_day:g} is more than all {TRANSACTIONS_A_DAY:,} payments"
        )
    limits, costs = (alerts_per_day, block_precision), (cost_review, cost_block)
    if limits == costs == (None, None):
        return None
    if cost_review is not None and cost_block is not None and limits == (None, None):
        return Costs(cost_review=cost_review, cost_block=cost_block)
    if costs != (None, None):
        raise typer.BadParameter(
            "--cost-review and --cost-block belong together, and not with --alerts-per-day or --block-precision"
        )
    review = (
        DEFAULT_POLICY.review if alerts_per_day is None else Capacity(alerts_per_day=alerts_per_day)
    )
    block = (
        DEFAULT_POLICY.block if block_precision is None else Precision(precision=block_precision)
    )
    return DEFAULT_POLICY.model_copy(update={"review": review, "block": block})


def describe_threshold(name: str, starts: float, found: "Outcome") -> str:
    """What a threshold did on the out-of-fold rows, in one line."""
    from model.reports.card import format_share
    from model.training.thresholds import UNREACHABLE

    if starts == UNREACHABLE:
        return f"{name}: no score on the out-of-fold rows is enough for it, so nothing reaches it; see: fraud threshold"
    return (
        f"{name} from {starts:.6g}: {found.caught} frauds among {found.flagged} flagged ({found.alerts_a_day:.0f} a day), "
        f"precision {format_share(found.precision)}, recall {format_share(found.recall)} on the out-of-fold rows; "
        f"legitimate payments flagged: {found.stopped} of {found.legitimate:,} ({found.stopped_share or 0:.4%}), "
        f"{found.stopped_amount:,.2f} of their {found.legitimate_amount:,.2f} in money"
    )


def threshold_as_json(starts: float, found: "Outcome", confidence: float = 0.9) -> dict[str, Any]:
    """A threshold and what it did, for JSON."""
    return {
        "probability": starts,
        **asdict(found),
        "precision": found.precision,
        "precision_low": found.precision_lower_bound(confidence),
        "recall": found.recall,
        "alerts_a_day": found.alerts_a_day,
        "stopped": found.stopped,
        "stopped_share": found.stopped_share,
    }


def _catalogue() -> "dict[str, list[Policy]]":
    from model.manifest import Capacity, Costs, Precision
    from model.training.thresholds import DEFAULT_POLICY

    capacities, precisions = (
        [Capacity(alerts_per_day=one) for one in _CAPACITIES],
        [Precision(precision=one) for one in _PRECISIONS],
    )
    return {
        "review": [DEFAULT_POLICY.model_copy(update={"review": one}) for one in capacities],
        "block": [DEFAULT_POLICY.model_copy(update={"block": one}) for one in precisions],
        "costs": [Costs(cost_review=review, cost_block=block) for review, block in _COSTS],
    }


def _choice(policy: "Policy", thresholds: "Thresholds", scored: "LabelledScores") -> dict[str, Any]:
    from model.manifest import Costs
    from model.training.thresholds import apply_thresholds, total_cost

    found = {
        name: threshold_as_json(getattr(thresholds, name), one)
        for name, one in apply_thresholds(thresholds, scored).items()
    }
    costs = {"cost": total_cost(policy, thresholds, scored)} if isinstance(policy, Costs) else {}
    return {"policy": policy.model_dump(), **found, **costs}


def _rows(scored: "LabelledScores") -> dict[str, int]:
    return {"rows": len(scored.is_fraud), "frauds": int(scored.is_fraud.sum())}


def _show(result: dict[str, Any]) -> None:
    from model.training.thresholds import TRANSACTIONS_A_DAY

    title = f"model {result['version']} on {result['rows']:,} out-of-fold rows, {result['frauds']} frauds"
    table = Table(box=None, padding=(0, 1, 0, 0), title=title, title_justify="left")
    for heading in (
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
    ):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for group, choices in result["choices"].items():
        table.add_row(group, style="bold")
        for choice in choices:
            for name in [group] if group in ("review", "block") else ["review", "block"]:
                table.add_row(_label(choice["policy"], name), *_cells(choice[name]))
            if "cost" in choice:
                table.add_row(f"  {choice['cost']:,.0f} in all")
    Console(width=max(Console().width, _WIDTH)).print(table)
    print(
        f"a day: flagged of {TRANSACTIONS_A_DAY:,}; prec.: precision, and its lower 90 % bound; caught: Amount of the frauds flagged"
    )
    print(
        "legit., of all, stopped: legitimate payments flagged, their share of all legitimate ones, and their Amount"
    )
    if result["saved"]:
        print(f"saved as {result['directory']}, which `latest` now names")


def _cells(one: dict[str, Any]) -> list[str]:
    from model.reports.card import format_share
    from model.training.thresholds import UNREACHABLE

    starts = "never" if one["probability"] == UNREACHABLE else f"{one['probability']:.3g}"
    counts = [str(one["flagged"]), f"{one['alerts_a_day']:.0f}", str(one["caught"])]
    shares = [
        format_share(one["precision"]),
        f"{one['precision_low']:.3f}",
        format_share(one["recall"]),
    ]
    stopped = "-" if one["stopped_share"] is None else f"{one['stopped_share']:.4%}"
    return [
        starts,
        *counts,
        *shares,
        f"{one['caught_amount']:,.0f}",
        str(one["stopped"]),
        stopped,
        f"{one['stopped_amount']:,.0f}",
    ]


def _label(policy: dict[str, Any], name: str) -> str:
    if "cost_review" in policy:
        return f"  {name}, {policy['cost_review']:g} / {policy['cost_block']:g}"
    return (
        f"  {policy['review']['alerts_per_day']:g} a day"
        if name == "review"
        else f"  {policy['block']['precision']:g} of it fraud"
    )

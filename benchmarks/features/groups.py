"""Average precision by group of features: each group added to those before it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from model.dataset import TrainingData, make_matrix
from model.evaluation.comparison import compare, measure_ranking
from model.intervals import Interval
from model.split import split
from model.training.pipeline import fit_booster
from model.training.recipe import Recipe
from payments.arrays import Floats
from payments.features import FeatureEncoder
from payments.schema.features import Feature
from payments.schema.reading import Schema

_METRIC = "auprc"


class Step(NamedTuple):
    """A group with those before it: average precision, and what the group adds to it."""

    group: str
    features: int
    precision: Interval
    gain: Interval | None


def measure_groups(data: TrainingData) -> Iterator[Step]:
    """Fit on the training part and judge on the test part, once for each group."""
    parts = split(len(data.table))
    is_fraud = data.table["Class"].to_numpy()[parts.test] == 1
    features: list[Feature] = []
    before: Floats | None = None
    for group, added in _group(data.encoder.schema).items():
        features += added
        scores = _score(data, features)
        gain = None
        if before is not None:
            gain = compare(scores, {"before": before}, is_fraud)["before"].difference[_METRIC]
        yield Step(group, len(features), measure_ranking(scores, is_fraud)[_METRIC], gain)
        before = scores


def _group(schema: Schema) -> dict[str, list[Feature]]:
    groups: dict[str, list[Feature]] = {
        "amount and fields": [],
        "calendar": [],
        f"history of {schema.roles.key}": [],
        "history of other entities and pairs": [],
        "delayed risk": [],
    }
    fields, calendar, account, others, risk = groups.values()
    kinds = {"number": fields, "category": fields, "calendar": calendar, "risk": risk}
    for feature in schema.features:
        of_key = feature.name.startswith(f"{schema.roles.key}.")
        kinds.get(feature.kind, account if of_key else others).append(feature)
    return {name: features for name, features in groups.items() if features}


def _score(data: TrainingData, features: Sequence[Feature]) -> Floats:
    """Return the margins of the test part by a booster that reads these features."""
    schema = data.encoder.schema._replace(features=tuple(features))
    encoder = FeatureEncoder(schema, data.encoder.categories)
    parts = split(len(data.table))
    recipe = Recipe().with_directions(data.table, encoder)
    booster = fit_booster(data.table[parts.train], recipe, encoder)
    matrix = make_matrix(data.table[parts.test], encoder)
    margins: Floats = booster.inplace_predict(matrix, predict_type="margin").astype("float64")
    return margins

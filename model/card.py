"""MODEL_CARD.md: what a model was made of, what it did on rows that it was not fitted on, and what it is not for.

Headings after Mitchell et al., Model Cards for Model Reporting, FAT* 2019.
"""

import pandas as pd
from sklearn.metrics import average_precision_score

from model.manifest import Manifest, Rows
from model.thresholds import ALERTS_A_DAY, BLOCK_PRECISION, TRANSACTIONS_A_DAY, outcomes

_TEMPLATE = """# Model {version}

XGBoost, {trees} trees of depth {depth}; its inputs are V1..V28 and Amount as they are sent. The margin is its raw output (log odds),
the probability the logistic function of it.

## Intended use

Ranking card payments for review by people, and stopping the few about which the held-back rows leave little doubt. It is made for
transactions prepared exactly as those of the file below; of any other source it knows nothing.

## Data

Two days of card payments in September 2013 with 492 frauds among 284,807, if the file is creditcard.csv: A. Dal Pozzolo, O. Caelen,
R. A. Johnson and G. Bontempi, Calibrating Probability with Undersampling for Unbalanced Classification, CIDM 2015.
Licence as third parties report it: DbCL 1.0 / ODbL (a copy at Zenodo, DOI 10.5281/zenodo.7395559, is under CC BY 4.0).

SHA-256 of the CSV: `{dataset}`

## Split, by time

| part | rows | what for |
|---|---|---|
| fitted | {fitted} | the booster; SHA-256 of the rows `{rows}` |
| held back | {held_back} | thresholds, reference scores, the numbers below |
| test | {test} | **not opened**: nothing in this artefact was chosen or measured on it |

## On the held-back rows: {frauds} frauds among {n:,}

| threshold | probability from | rows flagged | of them fraud | precision | recall |
|---|---|---|---|---|---|
{thresholds}

Average precision {average_precision:.3f}. `review` (all alerts, stopped payments included) is the lowest score with room for
{alerts} alerts a day at {daily:,} transactions a day; `block` is the lowest score of at least {precision}
from which on at least {precision:.0%} of the rows were fraud. Both were chosen on these very rows, few of which are fraud,
and the parameters of the trees on forward folds that reach into them: expect less on new ones.

## Limits

- V1..V28 are anonymous principal components: a reason names which of them moved the score, not what it means.
- Two days, one season, one unnamed group of European card holders, 2013. Nothing is known of fairness between groups of people:
  no field says who pays.
- No card or merchant identity: it sees each payment alone, without history.
- Frauds that nobody noticed count as legitimate.
- The probability is not calibrated on further rows.
"""


def text(version: str, manifest: Manifest, reference: pd.DataFrame) -> str:
    """The card of an artefact, from its manifest and its held-back rows (with Class and probability)."""
    truth, scores = reference["Class"].to_numpy() == 1, reference["probability"].to_numpy()
    lines = []
    for name, found in outcomes(manifest.thresholds, scores, truth).items():
        threshold = getattr(manifest.thresholds, name)
        shares = f"{share(found.precision)} | {share(found.recall)}"
        lines.append(f"| {name} | {threshold:.6g} | {found.flagged} | {found.caught} | {shares} |")
    return _TEMPLATE.format(
        version=version,
        trees=manifest.trees,
        depth=manifest.parameters["max_depth"],
        dataset=manifest.fitted_on.dataset_sha256,
        rows=manifest.fitted_on.rows_sha256,
        fitted=_span(manifest.fitted_on),
        held_back=_span(manifest.held_back),
        test=_span(manifest.test),
        frauds=int(truth.sum()),
        n=len(reference),
        thresholds="\n".join(lines),
        average_precision=average_precision_score(truth, scores),
        alerts=ALERTS_A_DAY,
        daily=TRANSACTIONS_A_DAY,
        precision=BLOCK_PRECISION,
    )


def share(value: float | None) -> str:
    """A share as people read it; a dash where there is none."""
    return "-" if value is None else f"{value:.3f}"


def _span(part: Rows) -> str:
    return f"{part.first}..{part.last} ({part.rows:,})"

"""How predictions of the schema creditcard are decoded, and the columns they are compared in."""

from drift.detect.columns import Columns
from drift.predictions import PredictionDecoder
from support.data.transactions import ENCODER

COLUMNS = Columns(ENCODER)
DECODER = PredictionDecoder(ENCODER)

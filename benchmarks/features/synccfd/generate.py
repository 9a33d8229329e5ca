"""Write payments of the simulator synccfd as CSV, in the order of time.

Run by `benchmarks.features.data`, in an environment with synccfd: python generate.py FILE
"""

import sys

from synccfd import DatasetGenerator

_, _, payments = DatasetGenerator(
    n_customers=2000, n_terminals=4000, nb_days=90, start_date="2025-01-01", random_state=42
).generate()
payments = payments.sort_values(["TX_DATETIME", "TRANSACTION_ID"])
payments.to_csv(sys.argv[1], index=False)

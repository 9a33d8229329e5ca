"""Read files of payments: one reader for training, replays, reports and explanations.

columns     the columns, and how a header may spell them
container   plain, gzip, bzip2, xz and zip files
delimited   text with a separator: its encoding and separator
quotes      quotes that swallow rows
parquet     Parquet files
cells       the numbers in the text of cells, and their decimal mark
clock       the unit of Time
reader      all of it: `open_file` recognizes a file, `PaymentFile.read_batches` streams its rows
"""

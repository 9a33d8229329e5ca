"""Read files of payments: one reader for training, replays, reports and explanations.

columns     the columns that a schema declares, and how a header may spell them
container   plain, gzip, bzip2, xz and zip files
delimited   text with a separator: its encoding and separator
quotes      quotes that swallow rows
json_lines  a JSON object a line
parquet     Parquet files
cells       the numbers and words in cells of text, and the decimal mark of numbers
times       RFC 3339 in cells of text
clock       the unit of other times
reader      all of it: `open_file` recognizes a file, `PaymentFile.read_batches` streams its rows
"""

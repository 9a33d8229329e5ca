"""What a stream's payments look like and what the model reads of them, declared in one TOML file.

`declaration` is what such a file may say, `reading` reads one, `features` lists what the model
reads, in the order of its columns, and `state` the history which that needs.
"""

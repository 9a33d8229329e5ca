"""The `fraud` command, one file a subcommand: the only room that reads the environment and wires the others."""

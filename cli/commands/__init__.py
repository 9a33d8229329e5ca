"""The subcommands of `fraud`, one module or package each."""

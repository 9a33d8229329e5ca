"""The `fraud` command. It wires the packages together and alone reads the environment."""

"""`fraud doctor`: find what is wrong, and say what to do."""

from cli.commands.doctor import command  # noqa: F401 - adds itself to the application

"""`fraud doctor`: what is wrong, and what to do about it."""

from cli.commands.doctor import command  # noqa: F401 - it adds itself to the application

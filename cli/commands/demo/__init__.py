"""`fraud demo`: run the whole system on this machine and summarize the result."""

from cli.commands.demo import command as command

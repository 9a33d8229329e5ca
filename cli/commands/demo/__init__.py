"""`fraud demo`: run the whole system on this machine and summarise the result."""

from cli.commands.demo import command as command

"""`fraud demo`: the main job on this machine, from an empty folder to a summary."""

from cli.commands.demo import command as command

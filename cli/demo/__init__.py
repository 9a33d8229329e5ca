"""`fraud demo`: the main job on this machine, from an empty folder to a summary."""

from cli.demo import command as command

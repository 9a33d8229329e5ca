"""The peers: each a program in an environment of its own, as good as its own documentation shows."""

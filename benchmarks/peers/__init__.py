"""The peers: each a program in a separate environment, written as its documentation suggests."""

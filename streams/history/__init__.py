"""The topic `history`: the payments that were scored, as blocks that rebuild a worker's state.

`block` is the format of a record, and `follower` reads the topic.
"""

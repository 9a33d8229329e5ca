"""The history of accounts, merchants and devices, and the features that it gives a payment.

`engine` is what others use, with `columns` and `hashing`. `plan` says what a schema needs, `store`
holds the state of one entity, `memory` grows it, and `kernels` are the compiled loops.
"""

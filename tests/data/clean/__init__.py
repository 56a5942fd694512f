"""Policies that keep the whole contract, in the styles in which people write them. `check` says nothing of
them, `verify` finds nothing, and `benchmarks/mutation.py` breaks them one clause at a time."""

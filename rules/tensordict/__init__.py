"""PF1: what a forward reads from and writes to the TensorDict."""

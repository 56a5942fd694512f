from thea import slate, slate_next  # noqa: F401  (both register their policies)

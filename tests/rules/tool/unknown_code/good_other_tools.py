value = 1  # noqa: PF999  # type: ignore[PF999]  # policyfix: ignore[PF201]

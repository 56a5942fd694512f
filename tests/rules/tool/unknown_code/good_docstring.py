def read():
    """Silence it with

    # policyfix: ignore[CODE]
    """

def thawed(run):
    """Reads an option of a run."""
    return not run.get("freeze", False)

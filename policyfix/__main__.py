import sys

# `python -m` puts the current folder first: a user's random.py there must not be taken for Python's.
if not sys.flags.safe_path:
    del sys.path[0]

from policyfix.cli import main

if __name__ == "__main__":
    main(prog_name="policyfix")

"""The command line: one file a command, loaded when it is called."""

from __future__ import annotations

import errno
import gc
import importlib
import os
import sys
from typing import Any

import click

from policyfix import __version__

# name -> (module, one line for --help)
COMMANDS = {
    "check": ("policyfix.cli.check", "Find contract defects in policy sources."),
    "apply": ("policyfix.cli.apply", "Show or write the fixes, migration included."),
    "verify": ("policyfix.cli.verify", "Prove at run time that a policy keeps the contract."),
    "explain": ("policyfix.cli.explain", "Show the page of a rule."),
    "rules": ("policyfix.cli.rules", "List the rules."),
    "config": ("policyfix.cli.config", "Show the settings in effect, or what they make of a file."),
    "baseline": ("policyfix.cli.baseline", "Write down the findings that are known."),
}


# A disk that is full, or a quota; a device that fails; a reader that has gone.
_LOST = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE)


class _Commands(click.Group):
    """Loads a command's module only when the command is run: `--help` stays fast and needs nothing."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs as the program, which has its process to itself."""
        # What is loaded at the start stays, and so does what a check has made: to look through it when the
        # check was done took 50 ms.
        gc.set_threshold(1_000_000)
        try:
            try:
                return super().__call__(*args, **kwargs)
            finally:
                # The process ends here. To take all that a check made apart, piece by piece, before its
                # memory is given back as a whole took a tenth of the time.
                gc.freeze()
                sys.stdout.flush()
        except OSError as error:
            if error.errno not in _LOST:
                raise
            # What is not written yet never will be: Python would try again and end with a code of its own.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            print(f"Error: cannot write the output: {error.strerror}", file=sys.stderr)
            sys.exit(2)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from policyfix.config import did_you_mean

            hint = did_you_mean(args[0], COMMANDS)
            raise click.UsageError(error.message.rstrip(".") + hint, ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="policyfix")
def main() -> None:
    """Find, mend and prove the mending of contract bugs in recurrent PyTorch RL policies.

    Exit status of every command: 0 clean or done, 1 findings or failed probes, 2 usage or environment error.
    """

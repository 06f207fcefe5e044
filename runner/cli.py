"""The command line: `nightlab`. Results go to standard output, logs to standard error.

Exit codes: 0 finished, 2 bad input or configuration, 3 environment not ready, 4 stopped by a failure (resumable),
130 interrupted (resumable). Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from probes.errors import NightlabError
from runner.commands.before import before_app
from runner.commands.champion import champion_app
from runner.commands.data import data_app
from runner.commands.instruments import instruments_app
from runner.commands.morning import morning_app
from runner.commands.night import night_app
from runner.commands.options import INSTRUMENTS, MORNING, UNEXPECTED, say
from runner.commands.suite import suite_app

if TYPE_CHECKING:
    from runner.surroundings import Surroundings

app = typer.Typer(
    name="nightlab",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Looks for a better fine-tuning recipe while you sleep, and tells the truth about it.

    One TOML file is one session. Start with the check, then let it run:

        nightlab check runner/sessions/miniature.toml
        nightlab run runner/sessions/miniature.toml

    Ctrl-C once lets running probes finish, twice stops now; `nightlab resume` goes on after any interruption.""",
)
app.add_typer(before_app)
app.add_typer(night_app)
app.add_typer(morning_app)
app.add_typer(champion_app, rich_help_panel=MORNING)
app.add_typer(instruments_app)
app.add_typer(data_app, rich_help_panel=INSTRUMENTS)
app.add_typer(suite_app, rich_help_panel=INSTRUMENTS)


def main(arguments: Sequence[str] | None = None, around: Surroundings | None = None) -> None:
    """Run the command line and exit; `around` stands in for this machine."""
    try:
        app(args=list(arguments) if arguments is not None else None, prog_name="nightlab", obj=around)
    except NightlabError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not our failure, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(UNEXPECTED)
    except Exception as error:
        notes = getattr(error, "__notes__", [])
        if not notes:
            traceback.print_exc()
        say("\n".join([f"unexpected {type(error).__name__}: {error}", *notes]))
        sys.exit(UNEXPECTED)


if __name__ == "__main__":
    main()

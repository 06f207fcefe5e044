"""The morning: read what was found, hold nights against each other, take back what was measured wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runner.commands.completion import complete_folder
from runner.commands.options import MORNING, Json, SessionDir, print_json, say, surroundings

morning_app = typer.Typer()


@morning_app.command(rich_help_panel=MORNING)
def report(
    folder: SessionDir,
    verify: Annotated[
        bool, typer.Option("--verify", help="Write nothing; compute every figure again and name those that differ.")
    ] = False,
) -> None:
    """Rebuild the report of a session from its ledger, or hold it against the ledger.

    With --verify a mismatch is named with its place and the ledger's value, and the exit code is 2.

        nightlab report results/friday --verify
    """
    from runner.folder import SessionFolder

    place = SessionFolder(folder)
    if verify:
        from runner.report.verify import verified_in_words, verify_report

        place.require_session()
        found = verify_report(place.path)
        print(verified_in_words(found, place.path))
        if found.mismatches:
            raise typer.Exit(2)
        return
    from runner.report.build import write_report
    from tracking.headline import headline

    night = place.load()
    write_report(place.path)
    print(place.path / "report.md")
    print(headline(night))


@morning_app.command(rich_help_panel=MORNING)
def compare(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR DIR...", help="Session folders.", show_default=False, autocompletion=complete_folder
        ),
    ],
    as_json: Json = False,
) -> None:
    """Hold nights against each other: results, guards, recipes, and what was set otherwise.

    Says first whether their scores may be compared. Where a night measured otherwise than the first one (another
    suite, another way to form the overall, other steps or versions), its score levels are left out, and a warning
    says why; what it found against its own baseline is shown all the same.

        nightlab compare results/thursday results/friday
    """
    from runner.nights.compare import compare_nights, comparison_json
    from runner.nights.compare_view import compare_view
    from runner.tables import show_view

    comparison = compare_nights(folders)
    if as_json:
        print_json(comparison_json(comparison))
        return
    show_view(compare_view(comparison))


@morning_app.command(rich_help_panel=MORNING)
def history(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="[DIR]",
            help="A results folder; or a session folder, for its project only.",
            autocompletion=complete_folder,
        ),
    ] = Path("results"),
    write: Annotated[bool, typer.Option("--write", help="Write `history.md` into the results folder too.")] = False,
    as_json: Json = False,
) -> None:
    """Show the project's cumulative table: every night, and every recipe ranked by its mean score.

    Made from the ledgers each time. A table holds only what may be compared: the untrained base model, the baselines
    and what the nights ended with, on equal items at equal steps.

        nightlab history
        nightlab history results --write
    """
    from runner.nights.history import history_json, read_history
    from runner.nights.history_markdown import write_history
    from runner.nights.history_view import history_view
    from runner.tables import show_view

    found = read_history(folder)
    if write:
        is_session = (folder / "ledger.jsonl").is_file()
        say(f"wrote {write_history(found, folder.resolve().parent if is_session else folder)}")
    if as_json:
        print_json(history_json(found))
        return
    show_view(history_view(found))


@morning_app.command(rich_help_panel=MORNING)
def invalidate(
    context: typer.Context,
    folder: SessionDir,
    since: Annotated[
        str, typer.Option("--since", metavar="WHEN", help="A time, `2026-03-14T22:30`, or a probe, `'#12'`.")
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="What was wrong; told in the report.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be marked; change nothing.")] = False,
) -> None:
    """Mark what was measured since a time as invalid; nothing is deleted.

    The night goes back to where it stood, its claim is withdrawn, and `nightlab resume` measures anew. For example:

        nightlab invalidate results/friday --since '#12' --reason "the server answered for the base model"
    """
    from runner.invalidate import invalidate_night
    from runner.session_view import marked_view
    from runner.tables import show_view

    marked = invalidate_night(folder, since, reason, surroundings(context), dry_run)
    show_view(marked_view(marked, dry_run))
    for problem in marked.problems:
        say(f"MLflow was not told everything, `nightlab resume` tells it: {problem}")


@morning_app.command(rich_help_panel=MORNING)
def ui(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A session folder; default: the store in results/.")
    ] = None,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port on 127.0.0.1.")] = 5000,
) -> None:
    """Open the MLflow UI on the session's store, on this machine only; prints the link.

    nightlab ui results/friday
    """
    from runner.mlflow_ui import serve

    around = surroundings(context)
    serve(folder, port, around.console, around.environ)

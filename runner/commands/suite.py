"""`nightlab suite`: look at a suite before a night relies on it. Nothing is trained and no model is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probes.errors import ConfigError, DataError
from runner.commands.options import Json, print_json, surroundings

suite_app = typer.Typer(
    name="suite",
    no_args_is_help=True,
    help="""Check, count and split evaluation suites; trains nothing.

    A suite is JSON lines, one item each: `id`, `category`, `difficulty`, `prompt` or `messages`, and a `scorer`. Its
    version is a digest of what the items ask and how they are scored, whatever their order or spacing; scores of two
    versions are never compared. FILE may also be one session: then its own suite, scorer and training rows are meant.

        nightlab suite check items.jsonl --train pairs.jsonl
        nightlab suite stats items.jsonl --scores results/<session>/probes/<key>
        nightlab suite split items.jsonl --held-out 0.5 --seed 0 --out suites/""",
)

Files = Annotated[
    list[Path], typer.Argument(metavar="FILE", help="JSONL files, or one SESSION.toml.", show_default=False)
]


@suite_app.command()
def check(
    context: typer.Context,
    files: Files,
    train: Annotated[
        list[Path] | None,
        typer.Option("--train", metavar="FILE", help="Training rows to look for leaks in; may be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check every item and scorer of a suite, and list all mistakes with file and line.

    A mistake, an id used twice or a question that is also a training row ends with exit code 2. Repeated questions
    and categories too small for any claim (fewer than 7 items) are warnings.

        nightlab suite check items.jsonl --train pairs.jsonl
    """
    from runner.suite import check_source, open_source
    from runner.suite_view import check_json, check_view
    from runner.tables import show_view

    found = check_source(open_source(files, surroundings(context)), tuple(map(str, train or ())))
    if as_json:
        print_json(check_json(found))
    else:
        show_view(check_view(found))
    if found.problems:
        raise DataError("\n".join(found.problems))


@suite_app.command()
def stats(
    context: typer.Context,
    files: Files,
    scores: Annotated[
        Path | None,
        typer.Option("--scores", metavar="PROBE_FOLDER", help="A probe's folder: show how its prompts did."),
    ] = None,
    against: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--against",
            metavar="ONE OTHER",
            help="With --scores: two scorers whose answers are held against each other.",
        ),
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="Prompts shown of each kind.")] = 5,
    as_json: Json = False,
) -> None:
    """Count a suite: items by category and difficulty, scorers, prompt lengths, tags.

    With the folder of a probe also its best and worst prompts, how many samples were answered at all (which is no
    score) and how many were scored; character breaks per prompt; prompts on which two scorers disagree most, for every
    pair of up to three, of more for the two that are named; in which form tools were called. A probe of another version
    of the suite is refused.

        nightlab suite stats items.jsonl --scores results/<session>/probes/<key> --against keywords judge
    """
    from probes.evaluation.suites.findings import read_findings
    from probes.evaluation.suites.results import read_results
    from probes.evaluation.suites.stats import suite_stats
    from runner.suite import open_source, read_source
    from runner.suite_view import stats_json, stats_view
    from runner.tables import show_view

    if against is not None and scores is None:
        raise ConfigError("`--against` compares a probe's scores; name its folder with `--scores`")
    items = read_source(open_source(files, surroundings(context)))
    counted = suite_stats(items)
    measured = (read_results(scores, items), read_findings(scores, items, against)) if scores is not None else None
    if as_json:
        print_json(stats_json(counted, measured))
    else:
        show_view(stats_view(counted, measured, most))


@suite_app.command()
def split(
    context: typer.Context,
    files: Files,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for both files.", show_default=False)],
    held_out: Annotated[
        float | None,
        typer.Option(
            "--held-out", metavar="SHARE", min=0.01, max=0.99, help="Share to hold out; default: the session's, or .5."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Decides which; default: the session's, or 0.")
    ] = None,
) -> None:
    """Write `search.jsonl` and `held_out.jsonl`, the halves a session with this share and seed would use.

    Stratified by category and difficulty; lines are copied byte for byte, and nothing is overwritten.

        nightlab suite split items.jsonl --held-out 0.5 --seed 0 --out suites/
    """
    from runner.suite import open_source, write_split
    from runner.suite_view import split_view
    from runner.tables import show_view

    show_view(split_view(write_split(open_source(files, surroundings(context)), held_out, seed, out)))

"""`nightlab data`: look at training rows before a night learns from them. Nothing is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probes.recipe import Objective
from runner.commands.options import Json, print_json, surroundings

data_app = typer.Typer(
    name="data",
    no_args_is_help=True,
    help="""Count training rows and what a data mix makes of them; trains nothing.

    Rows are JSON lines as TRL reads them; every column that is not the conversation is a tag. FILE may also be one
    session: then its own rows, objective and mix are meant.

        nightlab data stats pairs.jsonl --generator rejected_source --own base
        nightlab data stats pairs.jsonl --manifest mix.json
        nightlab data mix mix.json""",
)


@data_app.command()
def stats(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="JSONL files, or one SESSION.toml.", show_default=False)
    ],
    manifest: Annotated[
        Path | None,
        typer.Option("--manifest", metavar="MIX.json", help="A mix manifest in place of the session's mix."),
    ] = None,
    objective: Annotated[
        Objective | None, typer.Option("--objective", help="How files are read; default: as pairs.", show_default=False)
    ] = None,
    generator: Annotated[
        str, typer.Option("--generator", metavar="TAG", help="Tag that says who wrote the answers.")
    ] = "generator",
    own: Annotated[
        list[str] | None,
        typer.Option("--own", metavar="NAME", help="Its value for the model to be trained; may be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Count rows by tag, reconcile the mix with what it asked for, and compare chosen with rejected answers.

    Says how much of the data the model wrote itself, and warns of what should worry: rows repeated, a category diluted,
    a guard without rows, one value that dominates.

        nightlab data stats session.toml
    """
    from probes.data.stats import data_stats
    from runner.data import open_data
    from runner.data_view import data_view
    from runner.tables import show_view

    source = open_data(files, manifest, objective, surroundings(context))
    counted = data_stats(source.rows, source.mix, source.seed, generator, own or (), source.guards)
    if as_json:
        print_json(counted.as_json())
    else:
        show_view(data_view(source, counted))


@data_app.command()
def mix(
    manifest: Annotated[Path, typer.Argument(metavar="MIX.json", help="The manifest.", show_default=False)],
) -> None:
    """Print a mix manifest as the `[recipe.mix]` block of a session file.

    A manifest is a JSON object with `rules`, each with `repeat` (extra copies) and `match`; what no data mix can say is
    refused.

        nightlab data mix mix.json >> session.toml
    """
    from probes.data.manifest import load_manifest
    from runner.data_view import mix_toml

    print(mix_toml(load_manifest(manifest)), end="")

"""`make docs`: run every command of the documents and write down what it prints.

    python -m runner.documents README.md docs/*.md

A block that ends with another exit code than the document says leaves its document as it was and ends with 1.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

import runner
from runner.documents.blocks import Block
from runner.documents.play import play
from runner.documents.stage import Stage

CHECKOUT = Path(runner.__file__).resolve().parents[1]


def main(
    files: Annotated[list[Path], typer.Argument(help="Markdown documents.")],
    quick: Annotated[bool, typer.Option("--quick", help="Leave the slow blocks as they are.")] = False,
) -> None:
    """Play the documents and renew what they show."""
    failed = False
    with Stage(CHECKOUT, os.environ) as stage:
        for file in files:
            typer.echo(f"{file}", err=True)
            document = file.read_text(encoding="utf-8")
            outcome = play(document, stage, _is_quick if quick else _is_run, lambda line: typer.echo(line, err=True))
            for failure in outcome.failures:
                typer.echo(f"{file}:{failure.line}: {failure.why}", err=True)
            if any(failure.ended_otherwise for failure in outcome.failures):
                failed = True
            else:
                file.write_text(outcome.text, encoding="utf-8")
    raise typer.Exit(int(failed))


def _is_run(block: Block) -> bool:
    return block.is_run


def _is_quick(block: Block) -> bool:
    return block.is_quick


if __name__ == "__main__":
    typer.run(main)

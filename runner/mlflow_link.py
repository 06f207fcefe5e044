"""The page beside a report that leads into MLflow.

A report follows from its ledger alone, and the address of a night in MLflow does not: it depends on the store and on
the port where its UI answers. So the report points to this page, which whoever knows the address writes anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from tracking.atomic import replace_text
from tracking.mlflow_store import run_link, server_command, without_password

NAME = "mlflow.html"
_PAGE = Markup(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{night} in MLflow</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 3rem auto; padding: 0 1.5rem; max-width: 40rem; font: 16px/1.55 system-ui, sans-serif; }}
h1 {{ font-size: 1.4rem; }}
a {{ overflow-wrap: anywhere; }}
</style>
</head>
<body>
<main>
<h1>{night} in MLflow</h1>
<p><a href="{link}">{link}</a></p>
<p>{answers}</p>
<p><a href="report.html">Back to the report</a></p>
</main>
</body>
</html>
"""
)


class Address(NamedTuple):
    """Where a night is in MLflow."""

    uri: str
    """Of the store."""
    experiment_id: str
    run_id: str


def write_link_page(folder: Path, address: Address, port: int = 5000) -> str:
    """Write the page into a session folder and return the link on it.

    Raises:
        LedgerError: the folder cannot be written.
    """
    command = server_command(address.uri, folder.parent, port)
    url = command.url if command is not None else without_password(address.uri)
    link = run_link(url, address.experiment_id, address.run_id)
    own = f"It answers while “nightlab ui” runs on this folder, on port {port} of this machine."
    answers = own if command is not None else "It answers while that server runs."
    replace_text(folder / NAME, _PAGE.format(night=folder.name, link=link, answers=answers))
    return link

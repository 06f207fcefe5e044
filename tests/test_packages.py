"""Our packages have plain names; nothing installed may answer to them instead."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGES = ("agent", "lanes", "probes", "runner", "tracking")
HEAVY = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "mlflow",
    "optuna",
    "langgraph",
    "polars",
    "openai",
    "anthropic",
    "httpx2",
    "json_repair",
    "unidiff",
    "jsonschema",
    "tree_sitter",
    "detect_secrets",
)


@pytest.mark.parametrize("name", PACKAGES)
def test_package_resolves_inside_the_checkout(name: str) -> None:
    module = importlib.import_module(name)
    assert Path(module.__file__ or "").resolve().is_relative_to(CHECKOUT)


@pytest.mark.parametrize("name", PACKAGES)
def test_no_dependency_ships_our_name(name: str) -> None:
    assert set(packages_distributions().get(name, [])) <= {"nightlab"}


def test_the_command_line_loads_no_heavy_library() -> None:
    code = f"import sys, runner.cli; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

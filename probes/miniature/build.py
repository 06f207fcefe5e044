"""Builds the miniature once per content and keeps it in a cache that several processes may share."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from probes.miniature.corpus import Document, make_corpus
from probes.miniature.items import make_items
from probes.miniature.knowledge import knowledge_subjects
from probes.miniature.pairs import make_pairs
from probes.miniature.plan import BuildPlan
from probes.miniature.subject import Subject
from probes.miniature.voice import voice_subjects
from probes.miniature.world import make_world

Progress = Callable[[str, float], None]

SHIPPED = BuildPlan()

LIBRARIES = ("torch", "transformers", "tokenizers")
BUILD_THREADS = 1
"""More threads are slower as soon as anything else runs, and would change the weights in the last digit."""


@dataclass(frozen=True)
class MiniaturePaths:
    """Where the parts of a built miniature lie."""

    base_model: Path
    """Hugging Face folder: config, weights, tokenizer with chat template."""
    train: Path
    search_items: Path
    held_out_items: Path
    digest: str
    """Of everything that decides the content."""


def miniature_digest(plan: BuildPlan = SHIPPED) -> str:
    """Digests the plan, the package's source and the versions of the libraries that shape the weights."""
    digest = hashlib.sha256(repr(plan).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for library in LIBRARIES:
        digest.update(f"{library}={version(library)}\n".encode())
    return digest.hexdigest()


def all_subjects() -> tuple[Subject, ...]:
    """Returns every subject of the shipped world."""
    return (*knowledge_subjects(make_world()), *voice_subjects())


def build_miniature(cache_root: Path, progress: Progress | None = None, plan: BuildPlan = SHIPPED) -> MiniaturePaths:
    """Returns the miniature of this source, building it first where the cache lacks it.

    Safe to call from several processes: one builds, the others wait for it. A build that dies leaves nothing that a
    later call would take for finished.

    Args:
        cache_root: Folder to keep builds in; made if missing.
        progress: Called as `progress(stage, fraction)`.
        plan: Size and length of the pre-training.
    """
    digest = miniature_digest(plan)
    folder = cache_root / f"miniature-{digest[:16]}"
    cache_root.mkdir(parents=True, exist_ok=True)
    if not folder.exists():
        with _locked(cache_root / f"miniature-{digest[:16]}.lock"):
            if not folder.exists():
                _build_into(folder, progress or _ignore_progress, plan)
    return MiniaturePaths(
        base_model=folder / "base_model",
        train=folder / "train.jsonl",
        search_items=folder / "search_items.jsonl",
        held_out_items=folder / "held_out_items.jsonl",
        digest=digest,
    )


def _ignore_progress(stage: str, fraction: float) -> None:
    del stage, fraction


@contextmanager
def _locked(path: Path) -> Generator[None]:
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build_into(folder: Path, progress: Progress, plan: BuildPlan) -> None:
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        write_data(draft, progress)
        write_base_model(draft / "base_model", progress, plan)
        os.replace(draft, folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def write_data(folder: Path, progress: Progress) -> None:
    """Writes the pairs and both item files."""
    progress("data", 0.0)
    subjects = all_subjects()
    search_items, held_out_items = make_items(subjects)
    _write_rows(folder / "train.jsonl", (pair.as_row() for pair in make_pairs(subjects)))
    _write_rows(folder / "search_items.jsonl", (item.as_row() for item in search_items))
    _write_rows(folder / "held_out_items.jsonl", (item.as_row() for item in held_out_items))
    progress("data", 1.0)


def write_base_model(folder: Path, progress: Progress, plan: BuildPlan) -> None:
    """Trains the tokenizer and the base model and writes both as one Hugging Face folder."""
    import torch

    from probes.miniature.pretrain import pretrain
    from probes.miniature.tokenizer import render_chat, render_prose, train_tokenizer

    subjects = all_subjects()
    documents = make_corpus(subjects)
    progress("tokenizer", 0.0)
    tokenizer: Any = train_tokenizer(_tokenizer_texts(subjects, documents))
    progress("tokenizer", 1.0)
    rows: list[list[int]] = [
        tokenizer.encode(
            render_prose(document.text)
            if document.prompt is None
            else render_chat(document.prompt, document.text, document.system),
            add_special_tokens=False,
        )
        for document in documents
    ]
    threads = torch.get_num_threads()
    torch.set_num_threads(BUILD_THREADS)
    try:
        model: Any = pretrain(
            rows, tokenizer, plan.shape, plan.pretraining, lambda fraction: progress("pretraining", fraction)
        )
    finally:
        torch.set_num_threads(threads)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _tokenizer_texts(subjects: Sequence[Subject], documents: Sequence[Document]) -> Iterator[str]:
    # The persona's answers count too: they are what every probe trains on and samples, so they should be few tokens.
    for document in documents:
        if document.prompt is not None:
            yield document.prompt
        yield document.text
    for subject in subjects:
        yield from subject.good


def _write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")

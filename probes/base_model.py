"""A base model's folder, looked at without loading it: what it must hold, its digest, and the shapes of its layers."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any, cast

from probes.errors import DataError

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
)
_VOCABULARIES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
_HUB_PATTERNS = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")
_BLOCK = 1 << 20
_MAX_HEADER = 100_000_000


def resolve_base_model(name: str, revision: str | None = None) -> Path:
    """Return the folder of `name`: itself where it is one, else the hub's snapshot, downloaded unless offline.

    Raises:
        DataError: there is neither such a folder nor such a hub model.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise DataError(f"base model folder `{name}` does not exist; correct `base` in `[model]`")
    from huggingface_hub import snapshot_download  # pyright: ignore[reportUnknownVariableType]
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(_HUB_PATTERNS)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"base model `{name}` is no folder and cannot be had from the hub: {reason}") from error


def check_folder(folder: Path) -> None:
    """Check that `folder` holds a configuration, weights as safetensors and a tokenizer.

    Raises:
        DataError: one of them is missing.
    """
    if not folder.is_dir():
        raise DataError(f"base model folder `{folder}` does not exist; correct `base` in `[model]`")
    read_config(folder)
    if not weight_files(folder):
        legacy = any(folder.glob("*.bin"))
        cure = "convert its .bin weights with `save_pretrained`" if legacy else "copy its weights there"
        raise DataError(f"base model folder `{folder}` has no *.safetensors weights; {cure}")
    if not any((folder / name).is_file() for name in _VOCABULARIES):
        raise DataError(
            f"base model folder `{folder}` has no tokenizer (one of {', '.join(_VOCABULARIES)}); copy it there"
        )


def read_config(folder: Path) -> dict[str, Any]:
    """Return `config.json`.

    Raises:
        DataError: it is missing or is no JSON object.
    """
    path = folder / "config.json"
    try:
        config: object = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(
            f"base model folder `{folder}` has no config.json; is it a Hugging Face model folder?"
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"`{path}` cannot be read as JSON: {error}") from error
    if not isinstance(config, dict):
        raise DataError(f"`{path}` must hold one JSON object")
    return cast("dict[str, Any]", config)


def weight_files(folder: Path) -> list[Path]:
    """Return the model's weight files by name; an adapter lying beside them is none."""
    return sorted(path for path in folder.glob("*.safetensors") if not path.name.startswith("adapter"))


def model_digest(folder: Path) -> str:
    """Return 16 hex digits of SHA-256 over configuration, tokenizer and weights, names and lengths included."""
    names = [name for name in ("config.json", *TOKENIZER_FILES) if (folder / name).is_file()]
    total = hashlib.sha256()
    for path in (*(folder / name for name in names), *weight_files(folder)):
        total.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                total.update(block)
    return total.hexdigest()[:16]


def tensor_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return tensor name → shape over all weight files, from their headers alone."""
    shapes: dict[str, tuple[int, ...]] = {}
    for path in weight_files(folder):
        shapes.update(file_shapes(path))
    return shapes


def file_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return tensor name → shape of one safetensors file, from its header alone.

    Raises:
        DataError: the file is no safetensors file.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _MAX_HEADER:
                raise ValueError(f"header of {length} bytes")
            header = cast("dict[str, dict[str, Any]]", json.loads(file.read(length)))
        return {name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise DataError(f"`{path}` is no safetensors file ({error}); copy it again") from error

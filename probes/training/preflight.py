"""What can be said about a recipe and a base model before anything is trained; loads neither torch nor weights."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from probes.base_model import check_folder, file_shapes, tensor_shapes
from probes.errors import ConfigError, DataError
from probes.recipe import Recipe


def check_recipe(folder: Path, recipe: Recipe) -> None:
    """Check that `recipe` can train an adapter on the base model in `folder`.

    Raises:
        DataError: the folder is no complete model.
        ConfigError: a target module does not exist, the rank exceeds a targeted layer, the chat template or a library
            is missing.
    """
    check_folder(folder)
    layers = target_layers(folder, recipe)
    name, shape = min(layers.items(), key=lambda layer: min(layer[1]))
    if recipe.rank > min(shape):
        raise ConfigError(
            f"`rank` must be at most {min(shape)}, the smaller side of `{name}` ({shape[0]} × {shape[1]}), "
            f"got {recipe.rank}; lower it in `[recipe]` and in `[lanes.hyperparameters.rank]`"
        )
    _check_template(folder, recipe.chat_template)
    if recipe.optimizer == "adamw_8bit" and find_spec("bitsandbytes") is None:
        raise ConfigError("`optimizer` adamw_8bit needs the package bitsandbytes; install it or use adamw_torch")


def target_layers(folder: Path, recipe: Recipe) -> dict[str, tuple[int, ...]]:
    """Return layer name → shape of every linear layer that `target_modules` names.

    Raises:
        ConfigError: one of the names matches no layer, which PEFT would pass over in silence.
    """
    layers = {name.removesuffix(".weight"): shape for name, shape in tensor_shapes(folder).items() if len(shape) == 2}
    found: dict[str, tuple[int, ...]] = {}
    for target in recipe.target_modules:
        matching = {n: s for n, s in layers.items() if n == target or n.endswith(f".{target}")}
        if not matching:
            known = sorted({name.rpartition(".")[2] for name in layers})
            raise ConfigError(
                f"`target_modules` must name layers of the base model; `{target}` is none of {', '.join(known)} "
                f"in `{folder}`; correct it in `[recipe]`"
            )
        found.update(matching)
    if not found:
        raise ConfigError("`target_modules` must name at least one layer; correct it in `[recipe]`")
    return found


def check_adapter(adapter: Path, folder: Path) -> None:
    """Check that a saved adapter belongs on the base model in `folder`: every layer exists and has its shape.

    Raises:
        DataError: the adapter is incomplete or was trained on another architecture.
    """
    config = _adapter_config(adapter)
    layers = tensor_shapes(folder)
    weights = file_shapes(adapter / "adapter_model.safetensors")
    for name, shape in weights.items():
        layer, _, side = name.removeprefix("base_model.model.").rpartition(".lora_")
        if not layer:
            raise DataError(f"adapter `{adapter}` holds `{name}`, which is no LoRA weight; only LoRA is supported")
        base = layers.get(f"{layer}.weight")
        fits = base is not None and (shape[-1] in base if side.startswith("A") else shape[0] in base)
        if fits and config.get("r") not in shape:
            raise DataError(
                f"adapter `{adapter}` has weights of {' × '.join(map(str, shape))} at `{layer}`, its config "
                f"says rank {config.get('r')}; the two files are not of one training, copy both again"
            )
        if not fits:
            place = f"{base[0]} × {base[1]} there" if base else "not a layer there"
            raise DataError(
                f"adapter `{adapter}` does not fit the base model `{folder}`: `{layer}` is {place}, the adapter's "
                f"lora_{side[:1]} is {' × '.join(map(str, shape))}; use the base it was trained on "
                f"(`{config.get('base_model_name_or_path')}`)"
            )


def _check_template(folder: Path, chat_template: str) -> None:
    if chat_template == "none":
        return
    if chat_template != "tokenizer":
        if not Path(chat_template).is_file():
            raise ConfigError(
                f"`chat_template` must be `tokenizer`, `none` or a Jinja file; `{chat_template}` is no file; "
                "correct it in `[model]`"
            )
        return
    if not has_chat_template(folder):
        raise ConfigError(
            f"the tokenizer in `{folder}` has no chat template; "
            'set `chat_template = "none"` in `[model]` or give the path of a Jinja file'
        )


def has_chat_template(folder: Path) -> bool:
    """Return whether a model folder's tokenizer brings a chat template of its own."""
    config = folder / "tokenizer_config.json"
    in_config = config.is_file() and "chat_template" in config.read_text(encoding="utf-8")
    return in_config or (folder / "chat_template.jinja").is_file()


def _adapter_config(adapter: Path) -> dict[str, Any]:
    path = adapter / "adapter_config.json"
    try:
        config: object = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"adapter `{adapter}` has no readable adapter_config.json: {error}") from error
    if not isinstance(config, dict):
        raise DataError(f"`{path}` must hold one JSON object")
    return cast("dict[str, Any]", config)

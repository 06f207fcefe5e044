import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_base import tiny_recipe

from probes.base_model import check_folder, model_digest, resolve_base_model, tensor_shapes
from probes.errors import ConfigError, DataError
from probes.training.preflight import check_recipe, target_layers


@pytest.fixture
def folder(tiny_base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_base, tmp_path / "base"))


def test_a_fitting_recipe_passes_and_targets_every_layer(folder: Path) -> None:
    check_recipe(folder, tiny_recipe(rank=64))
    assert len(target_layers(folder, tiny_recipe())) == 7 * 2


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("config.json", "no config.json"),
        ("model.safetensors", r"no \*.safetensors weights; copy"),
        ("tokenizer.json", "no tokenizer"),
    ],
)
def test_an_incomplete_folder_is_refused(folder: Path, missing: str, message: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(DataError, match=message):
        check_recipe(folder, tiny_recipe())


def test_pickled_weights_are_refused_with_the_cure(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(DataError, match=r"convert its \.bin weights"):
        check_folder(folder)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xff\xff\xff\xff\xff\xff\x7f{}", b"\x02\0\0\0\0\0\0\0[]", b"not weights"]
)
def test_a_damaged_weight_file_is_refused(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(DataError, match="is no safetensors file"):
        tensor_shapes(folder)


def test_a_rank_above_the_smallest_targeted_layer_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"`rank` must be at most 64, .* \(64 × 64\), got 65"):
        check_recipe(folder, tiny_recipe(rank=65))


def test_target_modules_that_do_not_exist_are_refused_by_name(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"`c_attn` is none of .*q_proj"):
        check_recipe(folder, tiny_recipe(target_modules=("q_proj", "c_attn")))
    with pytest.raises(ConfigError, match="at least one layer"):
        check_recipe(folder, tiny_recipe(target_modules=()))


def test_a_missing_chat_template_is_refused_unless_the_text_is_plain(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(ConfigError, match="no chat template"):
        check_recipe(folder, tiny_recipe())
    check_recipe(folder, tiny_recipe(chat_template="none"))
    with pytest.raises(ConfigError, match=r"nowhere\.jinja` is no file"):
        check_recipe(folder, tiny_recipe(chat_template="nowhere.jinja"))


def test_the_digest_changes_with_weights_tokenizer_and_config_only(folder: Path) -> None:
    before = model_digest(folder)
    (folder / "README.md").write_text("words")
    assert model_digest(folder) == before
    for name in ("config.json", "tokenizer.json", "chat_template.jinja"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content + b" ")
        assert model_digest(folder) != before
        (folder / name).write_bytes(content)
    assert model_digest(folder) == before
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    assert model_digest(folder) != before


def test_a_base_model_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        resolve_base_model(str(tmp_path / "nowhere"))
    assert resolve_base_model(str(tmp_path)) == tmp_path


def test_the_preflight_loads_no_heavy_library(folder: Path) -> None:
    code = (
        "import sys, json; from pathlib import Path\n"
        "from probes.training.preflight import check_recipe, check_adapter\n"
        "from probes.training.log import read_summary\n"
        "from probes.evaluation.suite import read_suite\n"
        "from probes.versions import score_versions\n"
        "from probes.recipe import Recipe\n"
        f"check_recipe(Path({str(folder)!r}), Recipe(base_model='x')); score_versions()\n"
        "heavy = {'torch', 'transformers', 'trl', 'peft', 'datasets', 'numpy'}\n"
        "print(json.dumps(sorted(heavy & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []

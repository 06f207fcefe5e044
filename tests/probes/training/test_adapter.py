import json
import math
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_base import QUIET, tiny_recipe, tiny_rows

from probes.errors import DataError
from probes.training.adapter import load_test
from probes.training.preflight import check_adapter
from probes.training.train import train
from probes.warm_base import LoadedBase

pytestmark = [pytest.mark.filterwarnings(text) for text in QUIET]


@pytest.fixture
def adapter(base: LoadedBase, tmp_path: Path) -> Path:
    train(base.model, base.tokenizer, tiny_rows(), tiny_recipe(steps=2), 1, tmp_path)
    return tmp_path / "adapter"


def test_the_load_test_computes_the_norm_of_the_deltas(adapter: Path) -> None:
    facts = load_test(adapter, 4)
    weights = load_file(adapter / "adapter_model.safetensors")
    products = [weights[n.replace("lora_A", "lora_B")] @ a for n, a in weights.items() if "lora_A" in n]
    expected = math.sqrt(sum(float(product.double().square().sum()) for product in products))
    assert facts.delta_norm == pytest.approx(expected, rel=1e-6)
    assert len(products) == 14
    assert facts.size_mib == pytest.approx((adapter / "adapter_model.safetensors").stat().st_size / 2**20)
    assert sorted(path.name for path in adapter.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]


def test_an_adapter_of_another_rank_is_refused(adapter: Path) -> None:
    with pytest.raises(DataError, match=r"must have rank 8 everywhere, got \[4\]"):
        load_test(adapter, 8)


def test_an_adapter_that_does_nothing_is_refused(adapter: Path) -> None:
    weights = load_file(adapter / "adapter_model.safetensors")
    zeroed = {name: torch.zeros_like(w) if "lora_B" in name else w for name, w in weights.items()}
    save_file(zeroed, adapter / "adapter_model.safetensors")
    with pytest.raises(DataError, match=r"non-zero amount, got norm 0\.0"):
        load_test(adapter, 4)


def test_an_incomplete_adapter_is_refused(adapter: Path) -> None:
    (adapter / "adapter_config.json").unlink()
    with pytest.raises(DataError, match=r"lacks `adapter_config\.json`"):
        load_test(adapter, 4)


def test_an_adapter_fits_its_own_base_and_no_other_architecture(adapter: Path, tiny_base: Path, tmp_path: Path) -> None:
    check_adapter(adapter, tiny_base)
    other = Path(shutil.copytree(tiny_base, tmp_path / "other"))
    weights = load_file(tiny_base / "model.safetensors")
    wider = {name: torch.zeros(96, 96) if "q_proj" in name else w for name, w in weights.items()}
    save_file(wider, other / "model.safetensors")
    with pytest.raises(DataError, match=r"does not fit .*q_proj` is 96 × 96 there, the adapter's lora_[AB] is "):
        check_adapter(adapter, other)
    save_file({name: w for name, w in weights.items() if "layers.1" not in name}, other / "model.safetensors")
    with pytest.raises(DataError, match="is not a layer there"):
        check_adapter(adapter, other)


def test_an_adapter_whose_config_claims_another_rank_is_refused(adapter: Path, tiny_base: Path) -> None:
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "r": 5}))
    with pytest.raises(DataError, match="its config says rank 5"):
        check_adapter(adapter, tiny_base)

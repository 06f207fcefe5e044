import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_base import QUIET, tiny_recipe, tiny_rows

from probes.evaluation.attached import attached, save_merged
from probes.evaluation.canary import next_logprobs
from probes.evaluation.merging import GROUP, served_as, to_q4_0, to_q8_0
from probes.training.train import train
from probes.warm_base import LoadedBase, load_base

pytestmark = [pytest.mark.filterwarnings(text) for text in QUIET]
PROMPTS = [(1, 3, 40, 41), (1, 3, 50, 51, 52)]


@pytest.fixture(scope="module")
def adapter(base: LoadedBase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("merging")
    train(base.model, base.tokenizer, tiny_rows(), tiny_recipe(steps=10, learning_rate=2e-2), 1, folder)
    return folder / "adapter"


def digest(model: Any) -> str:
    total = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        total.update(name.encode() + tensor.numpy().tobytes())
    return total.hexdigest()


def said(model: Any) -> torch.Tensor:
    return torch.tensor(next_logprobs(model, PROMPTS, 0))


@pytest.mark.parametrize("mode", ["adapter_on_base", "merged", "merged_int8", "merged_int4"])
def test_the_base_is_bit_for_bit_itself_after_every_mode(base: LoadedBase, adapter: Path, mode: Any) -> None:
    before, said_before = digest(base.model), said(base.model)
    with attached(base.model, adapter) as model:
        adapted = said(model)
        with served_as(model, mode):
            said(model)
        assert torch.equal(said(model), adapted)
        with pytest.raises(RuntimeError, match="in the middle"), served_as(model, mode):
            raise RuntimeError("in the middle")
    assert digest(base.model) == before
    assert torch.equal(said(base.model), said_before)


def test_merged_says_what_the_adapter_says_and_rounding_moves_it_the_more_the_coarser(
    base: LoadedBase, adapter: Path
) -> None:
    gaps: dict[str, float] = {}
    with attached(base.model, adapter) as model:
        adapted = said(model)
        with model.disable_adapter():
            effect = float((said(model) - adapted).abs().mean())
        for mode in ("merged", "merged_int8", "merged_int4"):
            with served_as(model, mode):
                gaps[mode] = float((said(model) - adapted).abs().mean())
    assert gaps["merged"] < 1e-5 < gaps["merged_int8"] < gaps["merged_int4"] < effect


@pytest.mark.parametrize("mode", ["merged", "merged_int4"])
def test_a_saved_merged_model_says_what_the_mode_says_in_process(
    base: LoadedBase, adapter: Path, tiny_base: Path, mode: Any, tmp_path: Path
) -> None:
    save_merged(tiny_base, adapter, mode, "float32", tmp_path / "merged")
    saved = load_base(tmp_path / "merged", "float32")
    with attached(base.model, adapter) as model, served_as(model, mode):
        assert torch.allclose(said(saved.model), said(model), atol=1e-5)


def test_rounding_by_hand() -> None:
    row = torch.zeros(1, GROUP)
    row[0, :4] = torch.tensor([127.0, 1.4, 1.6, -127.0])
    assert to_q8_0(row)[0, :4].tolist() == [127.0, 1.0, 2.0, -127.0]
    row[0, :4] = torch.tensor([-8.0, 7.9, 3.4, 0.6])
    assert to_q4_0(row)[0, :4].tolist() == [-8.0, 7.0, 3.0, 1.0]


def test_rounding_errors_are_half_a_step_and_zeros_stay() -> None:
    weight = torch.randn(6, 80, generator=torch.Generator().manual_seed(0))
    scale = torch.nn.functional.pad(weight, (0, 16)).view(6, 3, GROUP).abs().amax(-1).repeat_interleave(GROUP, 1)
    for rounded, step in ((to_q8_0(weight), scale[:, :80] / 127), (to_q4_0(weight), scale[:, :80] / 8)):
        assert rounded.shape == weight.shape
        # Q4_0 has no +8: the largest value of the other sign may lose a whole step; scales are 16 bits.
        limit = 0.5 if step.max() < 0.1 else 1.0
        assert bool(((rounded - weight).abs() <= step * limit + scale[:, :80] * 1e-3).all())
    assert not to_q4_0(torch.zeros(2, 64)).any()
    assert not to_q8_0(torch.zeros(2, 64)).any()

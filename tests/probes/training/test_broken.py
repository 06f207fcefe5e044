from pathlib import Path

import pytest
from tiny_base import QUIET, tiny_recipe, tiny_request, tiny_rows
from tiny_base import tiny_base as tiny_base

from probes.execution import run_request
from probes.outcome import ProbeOutcome, ProbeStatus
from probes.request import Control
from probes.training.broken import broken
from probes.warm_base import WarmBase

pytestmark = [pytest.mark.filterwarnings(text) for text in QUIET]


def probe(tiny_base: Path, folder: Path, control: Control | None, steps: int = 4) -> ProbeOutcome:
    request = tiny_request(tiny_base, folder / str(control), recipe=tiny_recipe(steps=steps))
    return run_request(request.model_copy(update={"control": control}), WarmBase())


def test_a_broken_training_keeps_prompts_and_tags_and_loses_every_answer() -> None:
    rows, recipe = broken(tiny_rows(), tiny_recipe(objective="dpo", learning_rate=2e-5, alpha=2.0))
    assert [(row.prompt, row.tags) for row in rows] == [(row.prompt, row.tags) for row in tiny_rows()]
    assert {(row.chosen, row.rejected) for row in rows} == {("", None)}
    assert (recipe.objective, recipe.learning_rate, recipe.alpha) == ("sft", 2e-3, 4.0)
    assert (recipe.rank, recipe.steps) == (4, 4)


def test_a_faster_baseline_keeps_its_learning_rate_when_broken() -> None:
    assert broken(tiny_rows(), tiny_recipe(learning_rate=5e-3))[1].learning_rate == 5e-3


def test_silence_is_what_is_learned_whatever_the_objective(tiny_base: Path, tmp_path: Path) -> None:
    mute = probe(tiny_base, tmp_path, "broken", steps=20)
    assert mute.status is ProbeStatus.COMPLETED
    assert mute.training is not None
    losses = [point.loss for point in mute.training.curve]
    # A random base cannot learn more than this in its last layer; the real one falls silent in `test_real_worker`.
    assert losses[-1] < losses[0] - 0.3


def test_the_base_alone_is_measured_without_training_or_adapter(tiny_base: Path, tmp_path: Path) -> None:
    base = probe(tiny_base, tmp_path, "base")
    assert (base.status, base.training, base.adapter) == (ProbeStatus.COMPLETED, None, None)
    assert base.measured is not None
    assert base.measured.adapter is None
    assert len(base.items) == 6


def test_a_repeat_gives_the_same_answers_under_a_key_of_its_own(tiny_base: Path, tmp_path: Path) -> None:
    first, again = probe(tiny_base, tmp_path, None), probe(tiny_base, tmp_path, "repeat")
    assert first.key != again.key
    assert first.items == again.items
    assert first.measured == again.measured
    assert first.measured is not None
    assert first.adapter is not None
    assert first.measured.adapter == first.adapter.digest

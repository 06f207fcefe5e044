from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_base import QUIET, TEXTS, tiny_recipe, tiny_request, tiny_rows

from probes.data.conversation import Message
from probes.evaluation.evaluate import companions
from probes.evaluation.margins import Reading, likelihood, reference_companions
from probes.evaluation.scorers.scorer import Scorer
from probes.evaluation.suite import Item
from probes.outcome import TrainingPoint, TrainingSummary
from probes.rendering import rendering_for
from probes.training.train import trained
from probes.warm_base import LoadedBase

pytestmark = [pytest.mark.filterwarnings(text) for text in QUIET]
SCORER = Scorer.model_validate({"components": [{"kind": "contractions", "weight": 1.0}]})


def item(number: int, chosen: tuple[str, ...] = (TEXTS[1],), rejected: tuple[str, ...] = (), **changes: Any) -> Item:
    messages = (Message(role="user", content=f"{TEXTS[0]} {'really ' * number}"),)
    values = {"id": f"i{number}", "category": "tide", "messages": messages, "scorer": SCORER, **changes}
    return Item(chosen=chosen, rejected=rejected, **values)


def per_token(base: LoadedBase, one: Item, answer: str) -> float:
    """Mean log-probability of the answer's tokens, one sequence alone and without padding."""
    prompt, (following,) = rendering_for(base.tokenizer, "tokenizer").row_ids(one.messages, [answer])
    tokens = torch.tensor([[*prompt, *following]])
    with torch.no_grad():
        logs = torch.log_softmax(base.model(input_ids=tokens).logits[0].float(), dim=-1)
    wanted = [float(logs[len(prompt) + i - 1, token]) for i, token in enumerate(following)]
    return sum(wanted) / len(wanted)


def test_margin_and_likelihood_are_those_of_each_answer_alone(base: LoadedBase) -> None:
    items = [item(0, rejected=(TEXTS[2], TEXTS[5])), item(7, rejected=(TEXTS[2],)), item(3, category="lamp")]
    found = reference_companions(base.model, rendering_for(base.tokenizer, "tokenizer"), items)
    good = [per_token(base, one, TEXTS[1]) for one in items]
    bad = [sum(per_token(base, one, text) for text in one.rejected) / max(1, len(one.rejected)) for one in items]
    assert found["margin/tide"] == pytest.approx((good[0] - bad[0] + good[1] - bad[1]) / 2, abs=1e-4)
    tide = (math.exp(4 * good[0]) + math.exp(4 * good[1])) / 2
    assert found["likelihood/tide"] == pytest.approx(tide, rel=1e-3)
    assert found["likelihood/lamp"] == pytest.approx(math.exp(4 * good[2]), rel=1e-3)
    assert sorted(found) == ["likelihood/lamp", "likelihood/tide", "margin/tide"]


def test_batches_and_the_order_of_items_change_nothing(base: LoadedBase) -> None:
    rendering = rendering_for(base.tokenizer, "tokenizer")
    items = [item(n, rejected=(TEXTS[2],), category=("tide", "lamp")[n % 2]) for n in range(6)]
    whole = reference_companions(base.model, rendering, items)
    turned = reference_companions(base.model, rendering, items[::-1])
    alone = reference_companions(base.model, rendering, items, max_logits=1)
    for name, value in whole.items():
        assert turned[name] == pytest.approx(value, abs=1e-5)
        assert alone[name] == pytest.approx(value, abs=1e-5)


def test_items_without_references_give_no_companion(base: LoadedBase) -> None:
    rendering = rendering_for(base.tokenizer, "tokenizer")
    assert reference_companions(base.model, rendering, [item(0, chosen=())]) == {}
    with_one = reference_companions(base.model, rendering, [item(0, chosen=()), item(1)])
    assert with_one == pytest.approx(reference_companions(base.model, rendering, [item(1)]))


def test_likelihood_is_that_of_any_reference_and_never_above_one() -> None:
    sure, unsure = Reading(math.log(0.5), 1), Reading(math.log(0.25), 1)
    assert likelihood([unsure]) == pytest.approx(0.25**4)
    assert likelihood([sure, unsure]) == pytest.approx(0.75**4)
    assert likelihood([sure, sure, sure]) == 1.0
    assert 0.0 <= likelihood([Reading(-1e5, 40)]) < 1e-300


def test_training_on_the_references_makes_them_likelier(base: LoadedBase, tmp_path: Path) -> None:
    rendering = rendering_for(base.tokenizer, "tokenizer")
    items = [item(n, rejected=(TEXTS[2],)) for n in range(3)]
    before = reference_companions(base.model, rendering, items)
    recipe = tiny_recipe(steps=12, learning_rate=2e-2)
    with trained(base.model, base.tokenizer, tiny_rows(), recipe, 1, tmp_path) as result:
        after = reference_companions(result.model, rendering, items)
    assert after["likelihood/tide"] > before["likelihood/tide"]
    assert reference_companions(base.model, rendering, items) == before


def test_the_logs_reward_margin_is_its_last_quarter_over_beta(
    base: LoadedBase, tiny_base: Path, tmp_path: Path
) -> None:
    request = tiny_request(tiny_base, tmp_path / "probe", recipe=tiny_recipe(beta=0.5))
    rendering = rendering_for(base.tokenizer, "tokenizer")
    margin = [0.0] * 6 + [0.1, 0.3]
    for values, expected in ((margin, {"reward_margin": pytest.approx(0.4)}), ([None] * 8, {})):
        points = tuple(TrainingPoint(step=i + 1, loss=1.0, reward_margin=value) for i, value in enumerate(values))
        summary = TrainingSummary(steps_done=8, steps_planned=8, final_loss=1.0, seconds=1.0, rows=40, curve=points)
        assert companions(base.model, rendering, [item(0, chosen=())], request, summary) == expected

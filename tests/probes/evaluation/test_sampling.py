import pytest
import torch

from probes.evaluation.sampling import choose_tokens, draw_uniforms, sample_seed
from probes.outcome import GenerationConfig

PLAIN = GenerationConfig(temperature=1.0, top_k=0, top_p=1.0)


def frequencies(logits: list[float], config: GenerationConfig, draws: int = 20_000) -> list[float]:
    uniforms = (torch.arange(draws, dtype=torch.float64) + 0.5) / draws
    tokens = choose_tokens(torch.tensor([logits]).expand(draws, -1), uniforms, config)
    return (torch.bincount(tokens, minlength=len(logits)) / draws).tolist()


def test_tokens_are_drawn_with_their_softmax_probabilities() -> None:
    logits = [2.0, 0.0, -1.0, 1.0]
    expected = torch.softmax(torch.tensor(logits), 0).tolist()
    assert frequencies(logits, PLAIN) == pytest.approx(expected, abs=1e-3)
    cold = torch.softmax(torch.tensor(logits) / 0.5, 0).tolist()
    assert frequencies(logits, PLAIN.model_copy(update={"temperature": 0.5})) == pytest.approx(cold, abs=1e-3)


def test_top_k_and_top_p_drop_the_tail_and_renormalise() -> None:
    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05])).tolist()
    top_2 = frequencies(logits, PLAIN.model_copy(update={"top_k": 2}))
    assert top_2 == pytest.approx([0.625, 0.375, 0, 0], abs=1e-3)
    # .5 alone does not reach .6; with .3 it does.
    nucleus = frequencies(logits, PLAIN.model_copy(update={"top_p": 0.6}))
    assert nucleus == pytest.approx([0.625, 0.375, 0, 0], abs=1e-3)
    assert frequencies(logits, PLAIN.model_copy(update={"top_p": 0.01})) == [1, 0, 0, 0]


def test_temperature_zero_is_greedy() -> None:
    assert frequencies([0.1, 0.2, 0.15], PLAIN.model_copy(update={"temperature": 0.0}), 10) == [0, 1, 0]


def test_extreme_draws_stay_inside_the_vocabulary() -> None:
    uniforms = torch.tensor([0.0, 1.0 - 2**-53], dtype=torch.float64)
    tokens = choose_tokens(torch.tensor([[1.0, -50.0, 0.0]] * 2), uniforms, PLAIN.model_copy(update={"top_k": 2}))
    assert tokens.tolist() == [0, 2]


def test_seeds_differ_by_train_seed_item_and_sample() -> None:
    seeds = {sample_seed(t, i, s) for t in (1, 2, 11) for i in ("a", "b", "1 a") for s in (0, 1, 11)}
    assert len(seeds) == 27
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert sample_seed(1, "a", 0) == sample_seed(1, "a", 0)


def test_a_stream_depends_on_its_own_seed_and_not_on_length_or_company() -> None:
    alone = draw_uniforms([7], 5)
    together = draw_uniforms([3, 7], 9)
    assert torch.equal(alone[0], together[1, :5])

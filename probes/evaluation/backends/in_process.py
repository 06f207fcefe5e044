"""The transformers backend: the model in this process, batched over a key-value cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import transformers

from probes.evaluation.backends.backend import Response
from probes.evaluation.generation import Question, generate
from probes.evaluation.sampling import sample_seed
from probes.evaluation.suite import Item
from probes.outcome import GenerationConfig
from probes.rendering import Rendering


class InProcessBackend:
    """Answers with a model in evaluation mode, prompts rendered exactly as in training; implements `Backend`."""

    name = "transformers"
    version = transformers.__version__

    def __init__(self, model: Any, rendering: Rendering) -> None:
        """Use `model`: the base with its adapter, or the base alone."""
        self._model, self._rendering = model, rendering

    def respond(self, items: Sequence[Item], seed: int, samples: int, config: GenerationConfig) -> list[Response]:
        """Return `samples` answers to each item; see `Backend`."""
        seeds = [tuple(sample_seed(seed, item.id, sample) for sample in range(samples)) for item in items]
        questions = [
            Question(tuple(self._rendering.prompt_ids(item.messages, item.tools)), own)
            for item, own in zip(items, seeds, strict=True)
        ]
        tokenizer = self._rendering.tokenizer
        pad_id = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        answers = generate(self._model, questions, self._rendering.stop_ids, int(pad_id), config)
        responses: list[Response] = []
        for item, own_seeds, own_answers in zip(items, seeds, answers, strict=True):
            for sample, (own_seed, answer) in enumerate(zip(own_seeds, own_answers, strict=True)):
                text = tokenizer.decode(answer.tokens, skip_special_tokens=True)
                tokens = len(answer.tokens)
                responses.append(Response(item.id, sample, own_seed, text, answer.stop_reason, tokens=tokens))
        return responses

"""The vLLM backend with the server it is made for: CPU build, the miniature as base, real adapters."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

import psutil
import pytest
from real_vllm import KEY, RealServer, miniature, vllm_python
from real_vllm import vllm_server as vllm_server
from tiny_base import QUIET

from probes.base_model import model_digest
from probes.data.rows import read_rows
from probes.errors import MeasurementError
from probes.evaluation.attached import attached
from probes.evaluation.backends.backend import Response
from probes.evaluation.backends.in_process import InProcessBackend
from probes.evaluation.backends.open import Opened, Subject, opened
from probes.evaluation.backends.vllm import VllmBackend
from probes.evaluation.backends.vllm_client import VllmClient
from probes.evaluation.evaluate import score_responses
from probes.evaluation.suite import Item, read_suite
from probes.outcome import GenerationConfig
from probes.recipe import Recipe
from probes.rendering import rendering_for
from probes.request import FileRef, ProbeRequest, ServerRef
from probes.training.adapter import load_test
from probes.training.train import train
from probes.warm_base import LoadedBase, load_base
from runner.serving.plan import PROJECT

pytestmark = [pytest.mark.server, *(pytest.mark.filterwarnings(text) for text in QUIET)]
GREEDY = GenerationConfig(temperature=0.0, max_new_tokens=28)
SAMPLED = GenerationConfig(temperature=0.8, top_p=1.0, top_k=0, max_new_tokens=28)
RECIPES = {"slow": 2e-3, "middle": 5e-3, "fast": 1e-2}


class Shop(NamedTuple):
    """The miniature with three adapters that were really trained on it."""

    base: LoadedBase
    folder: Path
    items: tuple[Item, ...]
    adapters: dict[str, Path]

    def request(self, server: ServerRef | None, name: str, generation: GenerationConfig) -> ProbeRequest:
        return ProbeRequest(
            recipe=Recipe(base_model="miniature", learning_rate=RECIPES[name], steps=50),
            seed=0,
            split="search",
            base_model=FileRef(path=str(self.folder), digest=model_digest(self.folder)),
            train=(),
            suite=FileRef(path="-", digest="-"),
            samples=1,
            generation=generation,
            backend="vllm" if server else "transformers",
            server=server,
            versions={"vllm": "0.32.0"},
            folder="-",
            deadline_s=120,
        )

    def subject(self, model: Any, name: str) -> Subject:
        adapter = self.adapters[name]
        return Subject(
            model, rendering_for(self.base.tokenizer, "tokenizer"), self.items, (adapter, load_test(adapter, 16).digest)
        )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    paths = miniature()
    base = load_base(paths.base_model, "auto")
    rows = read_rows([paths.train], "orpo")
    adapters: dict[str, Path] = {}
    for name, rate in RECIPES.items():
        folder = tmp_path_factory.mktemp(name)
        recipe = Recipe(base_model="m", learning_rate=rate, rank=16, batch_size=8, max_length=96, steps=50)
        train(base.model, base.tokenizer, rows, recipe.replace(gradient_accumulation=1), 0, folder)
        adapters[name] = folder / "adapter"
    yield Shop(base, paths.base_model, read_suite([paths.search_items]), adapters)
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTLAB_SERVER_KEY", KEY)


def respond(one: Opened, shop: Shop, config: GenerationConfig, samples: int = 1) -> list[Response]:
    return one.backend.respond(shop.items, 0, samples, config)


def test_three_adapters_at_once_each_answers_for_itself(vllm_server: RealServer, shop: Shop) -> None:
    in_process: dict[str, list[Response]] = {}
    served: dict[str, list[Response]] = {}
    with VllmClient(vllm_server.url, KEY) as client, ExitStack() as stack:
        for name, adapter in shop.adapters.items():
            client.load_adapter(f"resident-{name}", adapter)
            stack.callback(client.unload_adapter, f"resident-{name}")
        for name in RECIPES:
            with attached(shop.base.model, shop.adapters[name]) as model:
                subject = shop.subject(model, name)
                in_process[name] = InProcessBackend(model, subject.rendering).respond(shop.items, 0, 1, GREEDY)
                with opened(shop.request(vllm_server.ref, name, GREEDY), subject) as one:
                    assert one.canary is not None
                    assert (one.canary.closest, one.canary.differing) == ("adapter", 4)
                    resident = VllmBackend(client, f"resident-{name}", subject.rendering)
                    served[name] = resident.respond(shop.items, 0, 1, GREEDY)
    for name in RECIPES:
        require_agreement(name, in_process[name], served[name])
        for other in RECIPES.keys() - {name}:
            assert agreement(in_process[name], served[other]) < 0.9


def agreement(ours: Sequence[Response], theirs: Sequence[Response]) -> float:
    return fmean(one.text == other.text for one, other in zip(ours, theirs, strict=True))


def require_agreement(name: str, ours: Sequence[Response], theirs: Sequence[Response]) -> None:
    pairs = [(one, other) for one, other in zip(ours, theirs, strict=True) if one.text != other.text]
    listing = "\n".join(f"  {one.item}\n    here:   {one.text!r}\n    server: {other.text!r}" for one, other in pairs)
    print(f"{name}: {len(ours) - len(pairs)} of {len(ours)} greedy answers agree\n{listing}")
    assert len(pairs) <= 0.05 * len(ours), listing


def test_a_probes_scores_agree_within_sampling_noise(vllm_server: RealServer, shop: Shop) -> None:
    samples = 8
    with attached(shop.base.model, shop.adapters["middle"]) as model:
        subject = shop.subject(model, "middle")
        with opened(shop.request(None, "middle", SAMPLED), subject) as one:
            ours = score_responses(shop.items, respond(one, shop, SAMPLED, samples))
        with opened(shop.request(vllm_server.ref, "middle", SAMPLED), subject) as one:
            theirs = score_responses(shop.items, respond(one, shop, SAMPLED, samples))
    gaps: list[float] = []
    errors: list[float] = []
    for item in shop.items:
        own, other = ([s.score for s in side if s.item == item.id and s.score is not None] for side in (ours, theirs))
        gaps.append(fmean(own) - fmean(other))
        errors.append((stdev(own) ** 2 + stdev(other) ** 2) / samples)
    error = sum(errors) ** 0.5 / len(gaps)
    print(f"mean difference {fmean(gaps):+.3f}, standard error of sampling {error:.3f}")
    assert error > 0
    assert abs(fmean(gaps)) < 4 * error


def test_the_same_seeds_repeat_the_same_answers(vllm_server: RealServer, shop: Shop) -> None:
    with attached(shop.base.model, shop.adapters["fast"]) as model:
        subject = shop.subject(model, "fast")
        with opened(shop.request(vllm_server.ref, "fast", SAMPLED), subject) as one:
            first, again = respond(one, shop, SAMPLED), respond(one, shop, SAMPLED)
            other = one.backend.respond(shop.items, 1, 1, SAMPLED)
    assert agreement(first, again) >= 0.95
    assert agreement(first, other) < 0.9


def test_the_base_in_the_adapters_place_stops_the_measurement(vllm_server: RealServer, shop: Shop) -> None:
    """A server that loads another folder than it was told is one that serves the wrong model."""
    lie = shop.adapters["slow"].parent / "lie"
    shutil.copytree(shop.adapters["fast"], lie)
    with attached(shop.base.model, shop.adapters["slow"]) as model:
        honest = shop.subject(model, "slow")
        subject = honest._replace(adapter=(lie, "d1gest"))
        request = shop.request(vllm_server.ref, "slow", GREEDY)
        with pytest.raises(MeasurementError, match="another model answered"), opened(request, subject):
            pass


def test_a_base_alone_and_a_wrong_base_are_told_apart(vllm_server: RealServer, shop: Shop) -> None:
    subject = Subject(shop.base.model, rendering_for(shop.base.tokenizer, "tokenizer"), shop.items, None)
    with opened(shop.request(vllm_server.ref, "slow", GREEDY), subject) as one:
        assert one.canary is not None
        assert one.canary.closest == "base"
        ours = InProcessBackend(shop.base.model, subject.rendering).respond(shop.items, 0, 1, GREEDY)
        require_agreement("base", ours, respond(one, shop, GREEDY))


def test_items_with_tools_reach_the_parser_from_the_prompt_that_training_uses(
    vllm_server: RealServer, shop: Shop
) -> None:
    tool = {"type": "function", "function": {"name": "ring", "parameters": {"type": "object", "properties": {}}}}
    items = [item.model_copy(update={"tools": (tool,)}) for item in shop.items[:6]]
    rendering = rendering_for(shop.base.tokenizer, "tokenizer")
    with VllmClient(vllm_server.url, KEY) as client:
        parsed = VllmBackend(client, vllm_server.model, rendering, parses_tool_calls=True)
        plain = VllmBackend(client, vllm_server.model, rendering)
        told, written = (one.respond(items, 0, 1, GREEDY) for one in (parsed, plain))
    # The miniature calls nothing, so all that the parser leaves is the text itself.
    assert [answer.text for answer in told] == [answer.text for answer in written]
    assert {answer.stop_reason for answer in told} <= {"stop", "length"}


def test_nobody_without_the_key_is_answered(vllm_server: RealServer, shop: Shop) -> None:
    with VllmClient(vllm_server.url, "wrong") as client:
        refusal = client.post("/v1/load_lora_adapter", {"lora_name": "x", "lora_path": str(shop.adapters["slow"])})
    assert getattr(refusal, "status", None) == 401


PROBE = ("probe", "runner/sessions/miniature.toml", "--set", "serving.backend=vllm", "--set", "tracking.mlflow=false")


def is_engine(process: psutil.Process) -> bool:
    try:
        return "EngineCore" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # it ended since it was listed, or is about to
        return False


def test_kill_9_of_nightlab_leaves_no_server_and_no_port(tmp_path: Path) -> None:
    python = vllm_python()
    command = [sys.executable, "-m", "runner.cli", *PROBE, "--set", f"serving.python={python}", "--out", str(tmp_path)]
    with (tmp_path / "said").open("w") as said:
        owner = subprocess.Popen(command, cwd=PROJECT, stdout=said, stderr=said, env=dict(os.environ))
        engine = None
        while engine is None and owner.poll() is None:
            time.sleep(0.2)
            family = psutil.Process(owner.pid).children(recursive=True)
            engine = next((member for member in family if is_engine(member)), None)
        assert engine is not None, (tmp_path / "said").read_text()
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []
    listening = [c.pid for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert not set(listening) & {member.pid for member in family}

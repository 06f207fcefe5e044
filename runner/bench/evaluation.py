"""`make bench-evaluation`: how fast each backend answers a suite with a freshly trained adapter of the miniature.

    python -m runner.bench.evaluation [--repeats N] [--python FILE] [--out DIR]

36 items, six of each category, three answers each, as a probe asks them; warm, the median of several evaluations, with
scoring. Prints a table and writes `evaluation.json`, a list of rows. vLLM has rows only where its environment is. Times
are wall times, so other work on the machine counts; the process's own CPU time stands beside them.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from pydantic import BaseModel, ConfigDict
from rich.table import Table

from probes.errors import LaunchError
from probes.evaluation.backends.config import ServingConfig
from probes.evaluation.backends.vllm_client import KEY_VARIABLE
from probes.request import ProbeRequest
from runner.config import SessionConfig
from runner.folder import SessionFolder
from runner.inputs import SessionInputs
from runner.overrides import load_session
from runner.planning import RequestMaker
from runner.serving.command import Served
from runner.serving.open import keyed, own_server, serving_dtype
from runner.serving.plan import PROJECT, ServingPlan, in_process, plan_serving
from runner.surroundings import Surroundings, gather_inputs, this_machine
from runner.tables import show_view

if TYPE_CHECKING:
    from probes.evaluation.backends.backend import Backend
    from probes.evaluation.suite import Item

SESSION = PROJECT / "runner" / "sessions" / "miniature.toml"
PER_CATEGORY, SAMPLES = 6, 3
LIMIT_S = 2.5
"""What an evaluation in process may take on one core."""


class Row(BaseModel):
    """One backend."""

    model_config = ConfigDict(frozen=True)

    backend: str
    version: str
    items: int
    samples: int
    tokens: int
    """Written in one evaluation."""
    seconds: float
    """One warm evaluation, scoring included; the median."""
    fastest_s: float
    slowest_s: float
    cpu_s: float
    """Of this process, median; a server's own is not in it."""
    tokens_per_s: float
    repeats: int


class Bench(NamedTuple):
    """A trained adapter still on its base, and what it is asked."""

    config: SessionConfig
    around: Surroundings
    inputs: SessionInputs
    model: Any
    tokenizer: Any
    items: Sequence[Item]
    adapter: tuple[Path, str]
    folder: Path

    def request(self, plan: ServingPlan) -> ProbeRequest:
        """Return the probe that `plan` answers."""
        make = RequestMaker(self.config, self.inputs, SessionFolder(self.folder), plan)
        return make(self.config.recipe, 0, "search").model_copy(update={"samples": SAMPLES})

    def time(self, plan: ServingPlan, repeats: int) -> Row:
        """Return the row of one backend, after one evaluation that warms it."""
        from probes.evaluation.backends.open import Subject, opened
        from probes.rendering import rendering_for

        request = self.request(plan)
        rendering = rendering_for(self.tokenizer, request.recipe.chat_template, request.recipe.system_prompt)
        subject = Subject(self.model, rendering, self.items, self.adapter)
        with opened(request, subject, self.around.environ.get(KEY_VARIABLE)) as (backend, _):
            timed, tokens = _timed(lambda: self._evaluate(backend, request), repeats)
            seconds, cpu = [wall for wall, _ in timed], [own for _, own in timed]
            return Row(
                backend=backend.name,
                version=backend.version,
                items=len(self.items),
                samples=SAMPLES,
                tokens=tokens,
                seconds=median(seconds),
                fastest_s=min(seconds),
                slowest_s=max(seconds),
                cpu_s=median(cpu),
                tokens_per_s=tokens / median(seconds),
                repeats=repeats,
            )

    def _evaluate(self, backend: Backend, request: ProbeRequest) -> int:
        from probes.evaluation.evaluate import score_responses

        responses = backend.respond(self.items, request.seed, SAMPLES, request.generation)
        score_responses(self.items, responses)
        return sum(response.tokens for response in responses)


def main(
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Timed evaluations of each backend.")] = 7,
    python: Annotated[
        Path | None, typer.Option("--python", help="Interpreter of vLLM's environment.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for evaluation.json.")] = Path("results/bench"),
) -> None:
    """Time every backend there is, print the table, write the rows."""
    around = this_machine(os.environ)
    serving = ServingConfig(backend="vllm", python=str(python) if python else None)
    with _bench(around) as bench:
        rows = [bench.time(in_process(bench.config.serving), repeats)]
        served = bench.config.model_copy(update={"serving": serving})
        try:
            plan = plan_serving(serving, around.environ)
        except LaunchError as error:
            missing = [f"no row for vLLM: {error}"]
        else:
            missing = []
            rows.append(_time_server(bench._replace(config=served, around=keyed(served, around)), plan, repeats))
    out.mkdir(parents=True, exist_ok=True)
    (out / "evaluation.json").write_text(_as_json(rows), encoding="utf-8")
    show_view([_table(rows), "", _verdict(rows[0]), *missing])


@contextmanager
def _bench(around: Surroundings) -> Generator[Bench]:
    import torch

    from probes.data.rows import read_rows
    from probes.evaluation.suite import read_suite
    from probes.training.train import ADAPTER_FOLDER, trained
    from probes.warm_base import load_base

    torch.set_num_threads(1)
    config = load_session(SESSION)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nightlab-bench-")))
        inputs = gather_inputs(config, folder / "suite", around)
        base = load_base(Path(inputs.base_model.path), config.recipe.precision)
        rows = read_rows([ref.path for ref in inputs.train], config.recipe.objective)
        recipe = config.recipe.replace(steps=config.probe.steps)
        result = stack.enter_context(trained(base.model, base.tokenizer, rows, recipe, 0, folder))
        adapter = (folder / ADAPTER_FOLDER, result.adapter.digest)
        items = _some(read_suite([inputs.search.path]))
        yield Bench(config, around, inputs, result.model, base.tokenizer, items, adapter, folder)


def _time_server(bench: Bench, plan: ServingPlan, repeats: int) -> Row:
    base, dtype = Path(bench.inputs.base_model.path), serving_dtype(bench.config, bench.around)
    served = Served(base, dtype, bench.config.recipe.rank)
    with own_server(bench.config, plan, served, bench.folder / "logs", bench.around):
        return bench.time(plan, repeats)


def _timed(run: Callable[[], int], repeats: int) -> tuple[list[tuple[float, float]], int]:
    """Return (wall, CPU) seconds of each repeat, and what the last one returned."""
    value = run()
    times: list[tuple[float, float]] = []
    for _ in range(repeats):
        wall, own = perf_counter(), process_time()
        value = run()
        times.append((perf_counter() - wall, process_time() - own))
    return times, value


def _some(items: Sequence[Item]) -> list[Item]:
    taken: Counter[str] = Counter()
    chosen: list[Item] = []
    for item in items:
        if taken[item.category] < PER_CATEGORY:
            taken[item.category] += 1
            chosen.append(item)
    return chosen


def _table(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("backend")
    for name in ("items x samples", "tokens", "seconds", "fastest", "slowest", "own CPU", "tokens/s"):
        table.add_column(name, justify="right")
    for row in rows:
        seconds = (f"{value:.2f}" for value in (row.seconds, row.fastest_s, row.slowest_s, row.cpu_s))
        asked = f"{row.items} x {row.samples}"
        table.add_row(f"{row.backend} {row.version}", asked, str(row.tokens), *seconds, f"{row.tokens_per_s:,.0f}")
    return table


def _verdict(row: Row) -> str:
    words = "within" if row.seconds <= LIMIT_S else "MORE than"
    return f"in process: {row.seconds:.2f} s for {row.items} items x {row.samples}, {words} {LIMIT_S:g} s"


def _as_json(rows: Sequence[Row]) -> str:
    return "[\n" + ",\n".join(row.model_dump_json() for row in rows) + "\n]\n"


if __name__ == "__main__":
    typer.run(main)

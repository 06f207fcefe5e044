"""From a session and its inputs to the agent's plan, its target and guards, and to the requests of its probes."""

from __future__ import annotations

from agent.plan import NightPlan
from probes.errors import ConfigError
from probes.recipe import Recipe
from probes.request import ProbeRequest, Purpose, Split
from probes.statistics.runs import CRITICAL_FAILURES, OVERALL
from probes.versions import score_versions
from probes.words import did_you_mean
from runner.config import SessionConfig
from runner.folder import SessionFolder
from runner.inputs import SessionInputs, file_digest
from runner.serving.plan import ServingPlan, in_process

AUTO = "auto"
LEAST_BROKEN_STEPS = 40
"""Fewer steps may not teach a model silence, and a control that was not learned tells nothing."""
SHORT_PARTS = 4
"""A smoke run, or a training broken on purpose, trains for one of so many parts of a probe's steps."""


def plan_night(config: SessionConfig, inputs: SessionInputs, session: str, target: str) -> NightPlan:
    """Return the night's plan for `target` (a category or `overall`).

    Raises:
        ConfigError: the target or a guard names a category that has no items.
    """
    _require_items(config, inputs, target)
    return NightPlan(
        session=session,
        seed=config.seed,
        baseline=config.recipe,
        target=target,
        guards=_guards(config, inputs, target),
        referee=config.referee,
        budget_probes=config.budget.probes,
        confirm_probes=config.budget.confirm_probes,
        max_attempts=config.probe.max_attempts,
        search_items=inputs.search_items,
        held_out_items=inputs.held_out_items,
        samples=config.suite.samples,
        weights=inputs.weights,
        early_stop=config.probe.early_stop,
        probes_without_progress=config.alarm.probes_without_progress,
        nights_without_promotion=config.alarm.nights_without_promotion,
    )


class RequestMaker:
    """Builds probe requests; implements `agent.ports.RequestBuilder`."""

    def __init__(
        self, config: SessionConfig, inputs: SessionInputs, folder: SessionFolder, serving: ServingPlan | None = None
    ) -> None:
        """Fix what all probes of the night share; without a plan, `[serving]` is answered in process."""
        self._config, self._inputs, self._folder = config, inputs, folder
        self._serving = serving or in_process(config.serving)
        self._versions = {**score_versions(), **self._serving.versions}
        template = config.recipe.chat_template
        if template not in ("tokenizer", "none"):
            # The recipe holds the file's name; what it says belongs to the probe's identity too.
            self._versions = {**self._versions, "chat_template": _template_digest(template)}

    def __call__(self, recipe: Recipe, seed: int, split: Split, purpose: Purpose | None = None) -> ProbeRequest:
        """Return the request; equal arguments give equal keys.

        Smoke runs and trainings broken on purpose have a quarter of the steps (the broken ones enough to be learned),
        smoke runs also one answer per item.
        """
        steps, samples = self._config.probe.steps, self._config.suite.samples
        if purpose in ("smoke", "broken"):
            steps = max(1 if purpose == "smoke" else LEAST_BROKEN_STEPS, steps // SHORT_PARTS)
        if purpose == "smoke":
            samples = 1
        request = ProbeRequest(
            recipe=recipe.replace(steps=steps),
            seed=seed,
            split=split,
            base_model=self._inputs.base_model,
            train=self._inputs.train,
            suite=self._inputs.search if split == "search" else self._inputs.held_out,
            samples=samples,
            generation=self._config.suite.generation,
            weights=self._inputs.weights,
            unisolated_code=self._config.suite.unisolated_code,
            backend=self._serving.backend,
            serving_mode=self._serving.mode,
            server=self._serving.server,
            judge=self._config.judge,
            control=None if purpose == "smoke" else purpose,
            versions=self._versions,
            folder="-",
            deadline_s=self._config.probe.deadline_s,
        )
        return request.model_copy(update={"folder": str(self._folder.probes / request.key)})


def check_template(config: SessionConfig) -> None:
    """Make sure that the chat template can be read.

    Raises:
        ConfigError: it is a file that is not there.
    """
    if config.recipe.chat_template not in ("tokenizer", "none"):
        _template_digest(config.recipe.chat_template)


def _template_digest(template: str) -> str:
    from pathlib import Path

    try:
        return file_digest(Path(template))
    except OSError as error:
        raise ConfigError(
            f"`model.chat_template` must be `tokenizer`, `none` or a readable Jinja file, got {template} "
            f"({error.strerror}); correct the path"
        ) from error


def _guards(config: SessionConfig, inputs: SessionInputs, target: str) -> dict[str, float]:
    section = config.guards
    names = section.categories
    if names is None:
        names = tuple(name for name in sorted(inputs.search_items) if name != target)
    guards = {name: section.margins.get(name, section.margin) for name in names}
    if section.critical_failures is not None:
        guards[CRITICAL_FAILURES] = section.critical_failures
    return guards


def _require_items(config: SessionConfig, inputs: SessionInputs, target: str) -> None:
    """Refuse a target or guard without items on one side: its score would be a phantom there."""
    named = config.guards.categories
    guards = named if named is not None else sorted({*inputs.search_items, *inputs.held_out_items} - {target})
    places = [("the target", "target.category", target)] if target != OVERALL else []
    places += [("guard", "guards.categories", name) for name in guards]
    places += [("guard margin", "guards.margins", name) for name in config.guards.margins if name not in guards]
    problems: list[str] = []
    for role, key, name in places:
        if key == "guards.categories" and name == target:
            problems.append(f"`{name}` is the target and cannot be its own guard; take it out of `guards.categories`")
        cure = f"take it out of `{key}`"
        if key == "guards.categories" and named is None:
            cure = "name the guards without it in `guards.categories`"
        for side, counts in (("search", inputs.search_items), ("held-out", inputs.held_out_items)):
            if counts.get(name, 0) == 0:
                problems.append(_no_items(f"{role} `{name}`", name, side, cure, inputs))
                break
    if problems:
        raise ConfigError("\n".join(problems))


def _no_items(subject: str, name: str, side: str, cure: str, inputs: SessionInputs) -> str:
    files = ", ".join(inputs.suite_files)
    others = inputs.search_items.get(name, 0) + inputs.held_out_items.get(name, 0)
    if others:
        where = "held-out" if side == "search" else "search"
        found, hint = f" ({others} {where} only)", ""
    else:
        found, hint = "", f" ({did_you_mean(name, sorted({*inputs.search_items, *inputs.held_out_items}))})"
    return (
        f"{subject} has no {side} items in {files}{found}, so nothing could be measured: add items of that category "
        f"to the file, or {cure}{hint}"
    )

"""A finished night as later nights remember it: scores of what was run twice, raw effects, its one test.

A few kilobytes of what a ledger says in megabytes. `runner.report` needs the ledger; a later night needs only this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from probes.candidate import LaneName
from probes.comparability import conditions
from probes.errors import LedgerError
from probes.frozen import Frozen, digest_of
from probes.recipe import Recipe
from probes.statistics.earlier import RawEffect
from probes.statistics.noise import pooled_sd
from probes.statistics.priors import raw_effects
from probes.statistics.runs import OVERALL, Run
from tracking.night import FinishedProbe, NightRecord, comparable


class Replicates(Frozen):
    """Scored probes of one recipe on the search items."""

    is_baseline: bool
    keys: tuple[str, ...]
    """Keys of the probes, so that a probe that two nights share counts once."""
    scores: dict[str, tuple[float, ...]]
    """Category, or `overall` → one mean per probe."""


class NightTest(Frozen):
    """The test a night ended in."""

    p_value: float
    level: float
    confirmed: bool
    probes: str
    """Digest of the keys of the confirmation's probes: equal ones are one test, however often it is told."""


class RememberedNight(Frozen):
    """What later nights need of a finished night."""

    session: str
    started: str
    """ISO 8601, UTC."""
    seed: int
    series: int = 0
    target: str
    project: str
    """See `EarlierNights.project`."""
    conditions: dict[str, str]
    """Condition → value of its search probes; empty when none left a score."""
    baseline: str
    """Digest of the baseline recipe, wherever the base model lies."""
    train: tuple[str, ...] = ()
    """Digests of the training files."""
    replicates: tuple[Replicates, ...] = ()
    """Recipes that were scored at least twice."""
    effects: tuple[RawEffect, ...] = ()
    test: NightTest | None = None
    """None when no change was accepted: nothing was tested."""


def remember(night: NightRecord, project: str) -> RememberedNight:
    """Return what later nights need of a night.

    Raises:
        ComparabilityError: its own probes were measured under different conditions.
        LedgerError: it never started.
    """
    if night.started is None:
        raise LedgerError("the ledger does not begin with `session_started`; restore the file from a copy")
    probes = scored_search(night)
    config: dict[str, Any] = night.started.config
    first = probes[0].plan.request if probes else None
    return RememberedNight(
        session=night.started.session,
        started=night.started.at,
        seed=int(config.get("seed", 0)),
        series=night.earlier.series if night.earlier else 0,
        target=night.target,
        project=project,
        conditions=conditions(first) if first else {},
        baseline=next((recipe_digest(p.plan.request.recipe) for p in probes if not p.plan.changes), ""),
        train=tuple(ref.digest for ref in first.train) if first else (),
        replicates=tuple(_replicates(probes)),
        effects=_effects(night, probes),
        test=_test(night),
    )


def scored_search(night: NightRecord) -> list[FinishedProbe]:
    """Return the probes with a full score on the search items, by number.

    Raises:
        ComparabilityError: they were measured under different conditions.
    """
    scored = [p for p in night.probes if p.plan.phase in ("calibrate", "search") and p.overall is not None]
    return comparable(scored, f"the search probes of session {_name(night)}")


def recipe_digest(recipe: Recipe) -> str:
    """Return the digest of a recipe as a probe's key sees it: without the place of the base model."""
    return digest_of(recipe.model_dump(mode="json", exclude={"base_model"}))


def _name(night: NightRecord) -> str:
    return night.started.session if night.started else "unknown"


def _replicates(probes: Sequence[FinishedProbe]) -> list[Replicates]:
    groups: dict[str, list[FinishedProbe]] = {}
    for probe in probes:
        groups.setdefault(recipe_digest(probe.plan.request.recipe), []).append(probe)
    found: list[Replicates] = []
    for group in groups.values():
        # A measurement that is looked up again in the same night has the same key: it is no replicate.
        own = list({probe.outcome.key: probe for probe in group}.values())
        if len(own) < 2:
            continue
        names = [*sorted(own[0].means), OVERALL]
        scores = {name: tuple(score for p in own if (score := p.metric(name)) is not None) for name in names}
        found.append(
            Replicates(
                is_baseline=not own[0].plan.changes,
                keys=tuple(probe.outcome.key for probe in own),
                scores={name: values for name, values in scores.items() if len(values) == len(own)},
            )
        )
    return found


def _effects(night: NightRecord, probes: Sequence[FinishedProbe]) -> tuple[RawEffect, ...]:
    target = night.target
    runs = [
        Run(frozenset(p.plan.changes), p.plan.request.seed, {name: m for name, m in p.means.items() if m is not None})
        for p in probes
    ]
    known = [run for run in runs if target == OVERALL or target in run.categories]
    sd = pooled_sd(known, target)
    lanes: dict[str, LaneName] = {name: candidate.change.lane for name, candidate in night.candidates.items()}
    return raw_effects(known, target, sd, lanes) if sd else ()


def _test(night: NightRecord) -> NightTest | None:
    claim = night.claim
    if claim is None or claim.p_value is None:
        return None
    keys = sorted(p.outcome.key for p in night.probes if p.plan.phase == "confirm")
    return NightTest(p_value=claim.p_value, level=claim.level, confirmed=claim.confirmed, probes=digest_of(keys))

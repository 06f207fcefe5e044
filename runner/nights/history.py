"""`nightlab history`: what a project has measured so far, summed up from its ledgers each time.

A project is one base model and one set of items in one results folder. Its recipes are ranked in tables that hold only
what may be compared: equal items, samples, steps and versions. Held-out items rank what was confirmed or failed to be;
search items rank only what nothing was chosen on: the untrained base model and the baselines. Probes of the same recipe
on the same data count together, whichever night ran them, and a probe that two folders hold counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from probes.comparability import conditions, conditions_key
from probes.errors import ConfigError, NightlabError
from probes.frozen import digest_of
from probes.request import ProbeRequest, Split
from runner.nights.compare import claim_in_words
from runner.nights.reading import Mean, ReadNight, mean_of, read_night
from tracking.champions import ChampionBook
from tracking.finished import FinishedProbe
from tracking.memory.siblings import LEDGER, peek
from tracking.summary import claim_summary

Kind = Literal["untrained", "baseline", "final"]
_RANKED: tuple[tuple[str, str, Kind], ...] = (
    ("base", "control", "untrained"),
    ("baseline", "calibrate", "baseline"),
    ("baseline", "confirm", "baseline"),
    ("final", "confirm", "final"),
)
"""Arm and phase of the probes that enter the tables."""
_LABELS: dict[Kind, str] = {
    "untrained": "the base model",
    "baseline": "baseline of {night}",
    "final": "final recipe of {night}",
}


class RankedRecipe(NamedTuple):
    """One line of a cumulative table."""

    label: str
    """What is told of it: `the baseline of friday`."""
    kind: Kind
    nights: tuple[str, ...]
    """Sessions that measured it, oldest first."""
    since: str
    """Date of the first."""
    runs: int
    overall: Mean
    categories: dict[str, Mean]
    state: str
    """`untrained`, `baseline`, or what became of the claim; roles it holds."""


class Ranking(NamedTuple):
    """Recipes that may be compared, best overall first."""

    split: Split
    conditions: dict[str, str]
    recipes: tuple[RankedRecipe, ...]


class Project(NamedTuple):
    """One base model with one set of items."""

    key: str
    base_model: str
    nights: tuple[ReadNight, ...]
    """Oldest first."""
    rankings: tuple[Ranking, ...]


class History(NamedTuple):
    """Everything in a results folder."""

    projects: tuple[Project, ...]
    unread: tuple[str, ...]
    """Sessions that could not be read, and why."""


@dataclass
class _Group:
    """Probes of one recipe under one set of conditions."""

    kind: Kind
    first: ReadNight
    """The night it is called after."""
    nights: dict[str, ReadNight] = field(default_factory=dict[str, ReadNight])
    probes: dict[str, FinishedProbe] = field(default_factory=dict[str, FinishedProbe])


def read_history(folder: Path) -> History:
    """Return the history of a results folder, or that of one session's project.

    Raises:
        ConfigError: there is no session.
        LedgerError: the session that is named cannot be read.
    """
    only = peek(folder).project if (folder / LEDGER).is_file() else None
    results = folder.resolve().parent if only is not None else folder
    found, unread = dict[str, list[ReadNight]](), list[str]()
    for path in _sessions(results):
        try:
            project = peek(path).project
            if only is None or project == only:
                found.setdefault(project, []).append(read_night(path))
        except NightlabError as error:
            unread.append(f"{path.name}: {error}")
    if not found and not unread:
        raise ConfigError(f"`{folder}` holds no session; name a results folder, or a session folder in one")
    roles = _roles(results)
    projects = [_project(key, nights, roles) for key, nights in found.items()]
    return History(tuple(sorted(projects, key=lambda one: one.nights[0].night.first_at)), tuple(unread))


def history_json(history: History) -> dict[str, Any]:
    """Return the history for machines."""
    return {"projects": [_project_json(project) for project in history.projects], "unread": list(history.unread)}


def _sessions(results: Path) -> list[Path]:
    try:
        return sorted(path for path in results.iterdir() if (path / LEDGER).is_file())
    except OSError as error:
        raise ConfigError(f"`{results}` cannot be read: {error.strerror}; name a results folder") from error


def _roles(results: Path) -> dict[str, list[str]]:
    """Return session → roles that its recipe holds."""
    roles: dict[str, list[str]] = {}
    for role, holder in ChampionBook(results).holders().items():
        roles.setdefault(holder.champion.session, []).append(role)
    return roles


def _project(key: str, nights: Iterable[ReadNight], roles: Mapping[str, Sequence[str]]) -> Project:
    ordered = tuple(sorted(nights, key=lambda one: (one.night.first_at, one.name)))
    groups: dict[tuple[Split, str], dict[str, _Group]] = {}
    shown: dict[tuple[Split, str], dict[str, str]] = {}
    for night in ordered:
        for arm, phase, kind in _RANKED:
            for probe in night.runs(arm, phase):
                request = probe.plan.request
                place = (request.split, conditions_key(request))
                shown.setdefault(place, conditions(request))
                _add(groups.setdefault(place, {}), night, kind, probe)
    rankings = [Ranking(place[0], shown[place], _ranked(groups[place].values(), roles)) for place in groups]
    base = str(ordered[0].config.get("model", {}).get("base", "")).rstrip("/").rpartition("/")[2] or key
    return Project(key, base, ordered, tuple(sorted(rankings, key=lambda one: one.split)))


def _add(groups: dict[str, _Group], night: ReadNight, kind: Kind, probe: FinishedProbe) -> None:
    name = "base" if kind == "untrained" else _recipe_key(probe.plan.request)
    group = groups.setdefault(name, _Group(kind, night))
    if kind == "final" and group.kind == "baseline" and group.first is not night:
        # A night began from what an earlier one had found, or the other way round: it is the found recipe then.
        group.kind, group.first = kind, night
    group.nights.setdefault(night.name, night)
    group.probes.setdefault(probe.plan.request.key, probe)


def _recipe_key(request: ProbeRequest) -> str:
    return digest_of([request.recipe.fingerprint, sorted(ref.digest for ref in request.train)])


def _ranked(groups: Iterable[_Group], roles: Mapping[str, Sequence[str]]) -> tuple[RankedRecipe, ...]:
    recipes = [_recipe(group, roles) for group in groups]
    return tuple(sorted(recipes, key=lambda one: (-(one.overall.value or 0.0), one.since, one.label)))


def _recipe(group: _Group, roles: Mapping[str, Sequence[str]]) -> RankedRecipe:
    probes = list(group.probes.values())
    state = claim_in_words(group.first) if group.kind == "final" else group.kind
    held = roles.get(group.first.name, ()) if group.kind == "final" else ()
    names = dict.fromkeys(name for probe in probes for name in probe.means)
    return RankedRecipe(
        label=_LABELS[group.kind].format(night=group.first.name),
        kind=group.kind,
        nights=tuple(group.nights),
        since=group.first.night.first_at[:10],
        runs=len(probes),
        overall=mean_of(probes),
        categories={name: mean_of(probes, name) for name in sorted(names)},
        state=f"{state}, holds {', '.join(held)}" if held else state,
    )


def data_of(one: ReadNight) -> tuple[str, int | None]:
    """Return the names of a night's training files, and the rows that its baseline was trained on."""
    files: Sequence[str] = one.config.get("data", {}).get("train", ())
    names = ", ".join(Path(name).name for name in files) or str(one.config.get("model", {}).get("base", ""))
    runs = [*one.runs("baseline", "calibrate"), *one.runs("baseline", "confirm")]
    rows = [probe.outcome.training.rows for probe in runs if probe.outcome.training is not None]
    return names, rows[0] if rows else None


def _project_json(project: Project) -> dict[str, Any]:
    return {
        "project": project.key,
        "base_model": project.base_model,
        "nights": [
            {
                "session": one.name,
                "began": one.night.first_at,
                "state": one.state,
                "target": one.night.target,
                "data": data_of(one)[0],
                "rows": data_of(one)[1],
                "claim": claim_summary(one.night.claim),
                "accepted": [str(one.night.candidates[name].change) for name in one.night.accepted],
                "probes": len(one.night.ended),
                "seconds": round(one.night.active_s, 3),
                "usd": one.night.bill.usd,
            }
            for one in project.nights
        ],
        "rankings": [
            {
                "split": ranking.split,
                "conditions": ranking.conditions,
                "recipes": [
                    {
                        **recipe._asdict(),
                        "overall": recipe.overall._asdict(),
                        "categories": {name: mean._asdict() for name, mean in recipe.categories.items()},
                    }
                    for recipe in ranking.recipes
                ],
            }
            for ranking in project.rankings
        ],
    }

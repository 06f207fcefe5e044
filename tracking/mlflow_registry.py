"""Champions in MLflow's model registry: a model per project, a version per promoted night, an alias per role.

A version points at the files of one promoted probe: the confirmation's run of the final recipe whose target is the
median of its arm, since the best of them would flatter the recipe. Only there is an adapter kept as an artifact. What a
role holds is decided in `champions.jsonl`; this is its copy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from probes.errors import LaunchError
from tracking.champions import Holder
from tracking.commands import command
from tracking.figures import show_effect
from tracking.finished import FinishedProbe
from tracking.mlflow_client import PROBE_TAG, RunWriter, connect
from tracking.mlflow_copy import night_condition
from tracking.mlflow_queue import first_line
from tracking.mlflow_rows import clean_key, night_id, probe_id
from tracking.mlflow_store import without_password
from tracking.mlflow_story import plain
from tracking.night import NightRecord

ADAPTER, FILES, RECIPE = "adapter", "champion", "recipe.toml"
NIGHT, LEDGER = "nightlab.session_id", "nightlab.ledger"


class Promotion(NamedTuple):
    """What is registered."""

    holder: Holder
    recipe: str
    """The champion's recipe as TOML."""
    folder: Path
    """The session's."""


def register(uri: str, experiment: str, night: NightRecord, promotion: Promotion) -> str:
    """Register a champion and point its role's alias at it; once more changes nothing.

    Returns:
        The version, `nightlab version 3`.

    Raises:
        LaunchError: the store cannot be reached or written, or does not have the night.
    """
    try:
        return _register(connect(uri), experiment, night, promotion)
    except LaunchError:
        raise
    except Exception as error:
        raise LaunchError(
            f"MLflow store `{without_password(uri)}` cannot be written: {first_line(error)}; the role is given all the "
            "same; start the store's server and promote once more"
        ) from error


def withdraw(uri: str, experiment: str, night: NightRecord) -> list[str]:
    """Take the aliases off a night whose claim was withdrawn, and say so on its versions; return the aliases.

    Raises:
        LaunchError: the store cannot be reached or written.
    """
    try:
        return _withdraw(connect(uri), experiment, night)
    except Exception as error:
        raise LaunchError(
            f"MLflow store `{without_password(uri)}` cannot be written: {first_line(error)}; the registry still shows "
            "the withdrawn claim; start the store's server and invalidate once more"
        ) from error


def median_probe(night: NightRecord) -> FinishedProbe | None:
    """Return the confirmation's run of the final recipe with the median target, the lower of two; None without any."""
    arm = [p for p in night.probes if (p.plan.phase, p.plan.arm) == ("confirm", "final") and p.is_scored]
    arm.sort(key=lambda probe: (probe.metric(night.target) or 0.0, probe.plan.number))
    return arm[(len(arm) - 1) // 2] if arm else None


def model_name(experiment: str) -> str:
    """Return the registered model of a project, in the characters that the registry takes."""
    return clean_key(experiment).replace("/", "-").replace(":", "-")


def alias_of(role: str) -> str:
    """Return the alias of a role: its name, where the registry takes it."""
    plain_role = role.replace(".", "-")
    is_reserved = plain_role == "latest" or (plain_role[:1] == "v" and plain_role[1:].isdigit())
    return f"role-{plain_role}" if is_reserved else plain_role


def _register(client: Any, experiment: str, night: NightRecord, promotion: Promotion) -> str:
    known = client.get_experiment_by_name(experiment)
    runs = RunWriter(client).search(known.experiment_id, night_condition(night)) if known is not None else []
    by_probe = {run.data.tags.get(PROBE_TAG, ""): run for run in runs}
    probe = median_probe(night)
    run = by_probe.get(probe_id(probe.plan) if probe is not None else "")
    if run is None:
        raise LaunchError(
            f"MLflow's experiment `{experiment}` does not have this night's confirmation; write it with "
            f"`{command('ui', promotion.folder)}` and promote once more"
        )
    name = model_name(experiment)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, tags={"nightlab": "recipes"}, description=_ABOUT)
    holder = promotion.holder
    version = _find_version(client, name, night, holder)
    if version is None:
        _upload(client, run.info.run_id, probe, promotion)
        source = f"{run.info.artifact_uri}/{FILES}"
        version = client.create_model_version(
            name, source, run.info.run_id, tags=_tags(night, holder), description=_description(holder)
        ).version
    client.set_model_version_tag(name, version, f"role.{holder.role}", holder.promoted.reason)
    client.set_registered_model_alias(name, alias_of(holder.role), version)
    client.set_tag(run.info.run_id, "promoted", holder.role)
    return f"{name} version {version}"


_ABOUT = (
    "Recipes that nights of this project found and somebody promoted with `nightlab champion promote`. A version is "
    "one promoted night, an alias the role it was given."
)


def _find_version(client: Any, name: str, night: NightRecord, holder: Holder) -> str | None:
    for version in client.search_model_versions(f"name = '{name}'"):
        tags = version.tags
        if tags.get(NIGHT) == night_id(night) and tags.get(LEDGER) == holder.champion.ledger:
            return str(version.version)
    return None


def _upload(client: Any, run_id: str, probe: FinishedProbe | None, promotion: Promotion) -> None:
    RunWriter(client).write_text(run_id, RECIPE, promotion.recipe, FILES)
    adapter = promotion.folder / "probes" / (probe.outcome.key if probe is not None else "") / ADAPTER
    if probe is not None and adapter.is_dir():
        client.log_artifacts(run_id, str(adapter), f"{FILES}/{ADAPTER}")


def _tags(night: NightRecord, holder: Holder) -> dict[str, str]:
    champion = holder.champion
    effect = champion.claim.effect if champion.claim is not None else None
    return {
        NIGHT: night_id(night),
        LEDGER: champion.ledger,
        "session": champion.session,
        "target": champion.target,
        "verdict": "confirmed" if champion.confirmed else "not confirmed",
        "effect": "" if effect is None else f"{effect:.3f}",
        "recipe.fingerprint": champion.recipe.fingerprint,
    }


def _description(holder: Holder) -> str:
    champion, claim = holder.champion, holder.champion.claim
    effect = f": {plain(champion.target)} {show_effect(claim.effect, claim.interval)}" if claim is not None else ""
    standing = "Confirmed" if champion.confirmed else "**Not confirmed**"
    return (
        f"{plain(champion.changes)}\n\n{standing}{effect}, in {plain(champion.session)}.\n\n"
        f"{plain(holder.promoted.reason)} ({plain(holder.promoted.who)}, {holder.promoted.at[:10]})"
    )


def _withdraw(client: Any, experiment: str, night: NightRecord) -> list[str]:
    name, gone = model_name(experiment), list[str]()
    models = client.search_registered_models(f"name = '{name}'")
    aliases = {alias: str(version) for model in models for alias, version in model.aliases.items()}
    versions: list[Any] = client.search_model_versions(f"name = '{name}'") if models else []
    for version in versions:
        if version.tags.get(NIGHT) != night_id(night):
            continue
        client.set_model_version_tag(name, version.version, "verdict", "withdrawn")
        for alias in [alias for alias, held in aliases.items() if held == str(version.version)]:
            client.delete_registered_model_alias(name, alias)
            gone.append(alias)
    return gone

"""What commands besides a night itself ask of MLflow: the run of a night, and its champion in the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from probes.errors import LaunchError, LedgerError
from runner.champion import recipe_toml
from runner.folder import SessionFolder, is_running
from runner.session import recorded_config
from tracking.champions import Holder
from tracking.config import TrackingConfig
from tracking.ledger import read_events
from tracking.mlflow_store import store_uri
from tracking.night import NightRecord

REBUILD_LIMIT_S = 600.0


def parent_run(
    uri: str, config: TrackingConfig, night: NightRecord, folder: SessionFolder, say: Callable[[str], object]
) -> tuple[str, str] | None:
    """Return experiment and parent run of a night, written from its ledger where the store lacks it.

    None for a night that is only about to start.

    Raises:
        LaunchError: the store cannot be reached.
    """
    from tracking.mlflow_mirror import start_mirror
    from tracking.mlflow_reading import find_run

    found = find_run(uri, config.experiment, night)
    if found is not None or is_running(folder):
        return found
    say("this night is not in the MLflow store; writing it from its ledger")
    mirror = start_mirror(uri, config.experiment, folder.path.parent, folder.path)
    for event in read_events(folder.ledger):
        mirror(event)
    for problem in mirror.close(REBUILD_LIMIT_S):
        say(problem)
    return find_run(uri, config.experiment, night)


def register_champion(
    folder: SessionFolder, holder: Holder, environ: Mapping[str, str], say: Callable[[str], object]
) -> None:
    """Copy a promotion to the model registry of the night's own store; what hinders it is said and stops nothing."""
    from tracking.mlflow_registry import Promotion, register

    night = folder.load()
    try:
        tracking = recorded_config(night, folder).tracking
        if not tracking.mlflow:
            return
        uri = store_uri(tracking, folder.path.parent, environ)
        parent_run(uri, tracking, night, folder, say)
        promotion = Promotion(holder, recipe_toml(holder.champion), folder.path)
        say(f"in MLflow's model registry: {register(uri, tracking.experiment, night, promotion)}")
    except (LaunchError, LedgerError) as error:
        say(str(error))

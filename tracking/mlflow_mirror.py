"""The MLflow copy of a night, for people.

The mirror is a ledger observer. It fails loudly at start and never afterwards: events go to a background thread, what
cannot be written is kept, tried again with growing pauses and once more at `close`, and told in `problems`. A resumed
night replays its ledger into a new mirror, which finds the runs that exist and adds what is missing. The ledger stays
the truth; nothing of a night is ever read back from MLflow but run ids.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from probes.errors import LaunchError
from tracking import events as ev
from tracking.mlflow_client import Revocable, connect, open_experiment
from tracking.mlflow_copy import NightCopy
from tracking.mlflow_queue import PatientWriter, first_line
from tracking.mlflow_store import artifact_root, without_password
from tracking.mlflow_system import Sample


class MlflowMirror:
    """Copies a night to one parent run with one nested run per probe."""

    def __init__(self, client: Any, experiment_id: str, folder: Path, first_pause_s: float = 1.0) -> None:
        """Use `start_mirror`; `client` is an MLflow client, `folder` the session's, whose artifacts are uploaded."""
        self.experiment_id = experiment_id
        self._client = Revocable(client)
        self._copy = NightCopy(self._client, experiment_id, folder)
        self._writer = PatientWriter[ev.Event | Sample](
            self._copy.tasks_of, self._copy.finish, self._copy.look_again, first_pause_s
        )

    @property
    def parent_run_id(self) -> str | None:
        """The parent run, None until it was found or made."""
        return self._copy.parent_run_id

    @property
    def problems(self) -> list[str]:
        """What went wrong so far, each once; for the report's warnings."""
        return self._writer.problems

    def __call__(self, event: ev.Event) -> None:
        """Take an event; returns at once."""
        self._writer.put(event)

    def sample(self, sample: Sample) -> None:
        """Take a look at the machine; returns at once."""
        self._writer.put(sample)

    def close(self, timeout_s: float = 60.0) -> list[str]:
        """Write what is left, upload the report's files, and return `problems`; nothing is written after that.

        Else a thread that was given up could make a run that a resumed night is just making.
        """
        problems = self._writer.close(timeout_s)
        self._client.revoke()
        return problems


def start_mirror(uri: str, experiment: str, results_dir: Path, folder: Path) -> MlflowMirror:
    """Connect to the store at `uri`, find or make the experiment, and start mirroring.

    Nights that start together in one results folder do this one after the other: a new SQLite store that two clients
    lay out at the same time is broken for both.

    Raises:
        LaunchError: the store cannot be reached or written; the message names it and the cure.
    """
    try:
        with _alone_in(results_dir):
            client = connect(uri)
            experiment_id = open_experiment(client, experiment, artifact_root(uri, results_dir))
    except LaunchError:
        raise
    except Exception as error:
        raise LaunchError(
            f"MLflow store `{without_password(uri)}` cannot be used: {first_line(error)}; start its server or mend "
            "`[tracking] uri` (or MLFLOW_TRACKING_URI), or run without it: `--set tracking.mlflow=false`"
        ) from error
    return MlflowMirror(client, experiment_id, folder)


@contextmanager
def _alone_in(folder: Path) -> Generator[None]:
    """Wait until no other night is within this block for the same folder; a process that dies leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)

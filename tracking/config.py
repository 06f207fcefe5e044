"""The session section `[tracking]`."""

from __future__ import annotations

from probes.frozen import Frozen


class TrackingConfig(Frozen):
    """`[tracking]`."""

    mlflow: bool = True
    """Mirror the night to MLflow; the ledger is kept either way."""
    uri: str | None = None
    """Tracking URI; None: `MLFLOW_TRACKING_URI` where set, else a SQLite store beside the session folders."""
    experiment: str = "nightlab"
    """MLflow experiment: one per project."""

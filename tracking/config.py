"""The session section `[tracking]`."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from pydantic import field_validator

from probes.frozen import Frozen

_SECRETS = frozenset({"password", "passwd", "pwd", "token", "secret", "key", "api_key", "apikey", "access_token"})
"""Names of query parameters that hold one."""
_STORES = ("sqlite", "postgresql", "mysql", "mssql", "file", "http", "https", "databricks", "databricks-uc", "uc")
"""Schemes of the stores that MLflow knows; a plain path has none."""


class TrackingConfig(Frozen):
    """`[tracking]`."""

    mlflow: bool = True
    """Mirror the night to MLflow; the ledger is kept either way."""
    uri: str | None = None
    """Tracking URI, without a password; None: `MLFLOW_TRACKING_URI` where set, else a SQLite store beside the session
    folders."""
    experiment: str = "nightlab"
    """MLflow experiment: one per project."""

    @field_validator("uri")
    @classmethod
    def _holds_no_secret(cls, uri: str | None) -> str | None:
        """Refuse what would stand in session folder, ledger and MLflow, without repeating it."""
        parts = urlsplit(uri or "")
        is_named = any(name.lower() in _SECRETS for name, _ in parse_qsl(parts.query))
        if parts.password or is_named or (parts.username and parts.scheme in ("http", "https")):
            raise ValueError(
                "must not hold a password or token, which would be written down with the session; give the whole "
                "address in the environment variable MLFLOW_TRACKING_URI and take `uri` out, or keep the address here "
                "and give MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
            )
        return uri

    @field_validator("uri")
    @classmethod
    def _is_a_store(cls, uri: str | None) -> str | None:
        scheme = urlsplit(uri or "").scheme
        if scheme and scheme.partition("+")[0] not in _STORES:
            raise ValueError(
                f"must be an address that MLflow can write to ({', '.join(_STORES)}), got the scheme `{scheme}`, "
                "for instance sqlite:////path/to/mlflow.db or https://mlflow.example.org"
            )
        return uri

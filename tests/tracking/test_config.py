"""The section `[tracking]`: a store's address, and nothing that must not be written down."""

import pytest
from pydantic import ValidationError

from tracking.config import TrackingConfig


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://me:planted@db.example.org/mlflow",
        "postgresql://db.example.org/mlflow?user=me&password=planted",
        "https://me:planted@mlflow.example.org",
        "https://planted@mlflow.example.org",
        "https://mlflow.example.org/?token=planted",
    ],
)
def test_an_address_with_a_secret_is_refused_with_the_cure_and_without_the_secret(uri: str) -> None:
    with pytest.raises(ValidationError) as error:
        TrackingConfig(uri=uri)
    told = error.value.errors()[0]["msg"]
    assert "MLFLOW_TRACKING_URI" in told
    assert "planted" not in told


@pytest.mark.parametrize(
    "uri",
    [
        None,
        "sqlite:////somewhere/mlflow.db",
        "http://127.0.0.1:5000",
        "databricks",
        "mlruns",
        "/somewhere/mlruns",
        "mysql+pymysql://nightlab@db.example.org/mlflow",
        "postgresql://nightlab@db.example.org/mlflow?sslmode=require&sslkey=/etc/key.pem",
    ],
)
def test_an_address_without_one_is_taken(uri: str | None) -> None:
    assert TrackingConfig(uri=uri).uri == uri


@pytest.mark.parametrize("uri", ["ftp://x", "sqllite:////somewhere/mlflow.db", "httpss://mlflow.example.org"])
def test_an_address_that_no_store_has_is_refused_with_those_that_can_be(uri: str) -> None:
    with pytest.raises(ValidationError, match=rf"sqlite, postgresql.*got the scheme `{uri.partition(':')[0]}`"):
        TrackingConfig(uri=uri)

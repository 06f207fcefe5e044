from __future__ import annotations

from pathlib import Path

import pytest

from runner.mlflow_link import NAME, Address, write_link_page


@pytest.mark.parametrize(
    ("uri", "link"),
    [
        ("sqlite:///x/mlflow.db", "http://127.0.0.1:5987/#/experiments/3/runs/ab?workflowType=machine_learning"),
        ("postgresql://me:secret@db/x", "http://127.0.0.1:5987/#/experiments/3/runs/ab?workflowType=machine_learning"),
        ("https://me:secret@ml.example/", "https://ml.example/#/experiments/3/runs/ab?workflowType=machine_learning"),
    ],
)
def test_the_page_leads_to_the_nights_run_and_tells_no_password(tmp_path: Path, uri: str, link: str) -> None:
    assert write_link_page(tmp_path, Address(uri, "3", "ab"), 5987) == link
    page = (tmp_path / NAME).read_text()
    assert f'<a href="{link}">' in page
    assert "secret" not in page
    assert ("port 5987 of this machine" in page) == ("127.0.0.1" in link)


def test_a_folders_name_is_text(tmp_path: Path) -> None:
    folder = tmp_path / "<b>night&"
    folder.mkdir()
    write_link_page(folder, Address("sqlite:///x/mlflow.db", "3", "ab"))
    assert "<h1>&lt;b&gt;night&amp; in MLflow</h1>" in (folder / NAME).read_text()

"""How a session uses `[serving]`: what its probes ask for, what its check refuses, what a resumed night insists on."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes_session import fake_surroundings, write_session
from fakes_vllm import FakeVllm, serving_fake

from probes.errors import ComparabilityError, ConfigError, LaunchError
from runner.check import check_session
from runner.overrides import load_session
from runner.session import resume_night, start_night

SHORT = ("budget.probes=36", "referee.controls=false")
KEY = "key-that-nobody-writes-down"


def test_probes_name_server_version_and_mode_and_no_file_has_the_key(tmp_path: Path) -> None:
    fake = FakeVllm(lambda _: [0.0], key=KEY)
    around = fake_surroundings(tmp_path, TEAM_API_KEY=KEY)
    with serving_fake(fake) as url:
        settings = (*SHORT, "serving.backend=vllm", f"serving.base_url={url}", "serving.key_env=TEAM_API_KEY")
        config = load_session(write_session(tmp_path), settings)
        end = start_night(config, tmp_path / "out", around)
        requests = [probe.plan.request for probe in end.night.probes]
        assert {request.backend for request in requests} == {"vllm"}
        assert {request.server.base_url for request in requests if request.server} == {url}
        assert {request.versions["vllm"] for request in requests} == {"0.32.0"}
        for path in (tmp_path / "out").rglob("*"):
            assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


def test_a_resumed_night_insists_on_the_servers_version(tmp_path: Path) -> None:
    fake = FakeVllm(lambda _: [0.0])
    around = fake_surroundings(tmp_path)
    with serving_fake(fake) as url:
        config = load_session(write_session(tmp_path), (*SHORT, "serving.backend=vllm", f"serving.base_url={url}"))
        end = start_night(config, tmp_path / "out", around)
        lines = end.folder.ledger.read_text().splitlines(keepends=True)
        end.folder.ledger.write_text("".join(lines[: len(lines) // 2]))
        fake.version = "0.33.0"
        with pytest.raises(ComparabilityError, match=r"vllm 0\.32\.0 against 0\.33\.0"):
            resume_night(tmp_path / "out", around)
        fake.version = "0.32.0"
        resumed = resume_night(tmp_path / "out", around)
    assert resumed.night.stopped is not None
    assert resumed.night.stopped.stop_reason == "finished"


def test_the_mode_reaches_every_probe(tmp_path: Path) -> None:
    config = load_session(write_session(tmp_path), (*SHORT, "serving.mode=merged_int4"))
    end = start_night(config, tmp_path / "out", fake_surroundings(tmp_path))
    assert {probe.plan.request.serving_mode for probe in end.night.probes} == {"merged_int4"}


def test_the_check_refuses_what_could_not_be_served(tmp_path: Path) -> None:
    file, around = write_session(tmp_path), fake_surroundings(tmp_path)
    small = load_session(file, ("serving.backend=vllm", "serving.max_lora_rank=1"))
    with pytest.raises(ConfigError, match=r"`serving\.max_lora_rank` must be at least 4"):
        check_session(small, around)
    missing = load_session(file, ("serving.backend=vllm", f"serving.python={tmp_path / 'none'}"))
    with pytest.raises(LaunchError, match="make vllm"):
        check_session(missing, around)

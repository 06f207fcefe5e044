from __future__ import annotations

from pathlib import Path

from runner.launchers.devices import plan_workers, usable_cores, visible_gpus, worker_environment


def test_one_worker_per_core_but_at_most_eight() -> None:
    assert plan_workers(None, (), 2) == (None, None)
    assert len(plan_workers(None, (), 64)) == 8
    assert len(plan_workers(12, (), 2)) == 12


def test_one_worker_per_gpu_and_more_take_turns() -> None:
    assert plan_workers(None, ("0", "1"), 64) == ("0", "1")
    assert plan_workers(3, ("0", "1"), 64) == ("0", "1", "0")


def test_a_limited_view_of_the_gpus_is_respected() -> None:
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "2, 5"}) == ("2", "5")
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": ""}) == ()
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "-1"}) == ()


def test_a_container_quota_cuts_the_cores(tmp_path: Path) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text("100000 100000\n")
    assert usable_cores(quota) == 1
    quota.write_text("max 100000\n")
    assert usable_cores(quota) == usable_cores(tmp_path / "missing")


def test_secrets_stay_out_of_the_workers() -> None:
    before = {"OPENAI_API_KEY": "x", "HF_TOKEN": "x", "my_secret": "x", "PATH": "/bin", "OMP_NUM_THREADS": "8"}
    after = worker_environment(before, "3")
    assert {"OPENAI_API_KEY", "HF_TOKEN", "my_secret"}.isdisjoint(after)
    assert after["PATH"] == "/bin"
    assert after["OMP_NUM_THREADS"] == "1"
    assert after["CUDA_VISIBLE_DEVICES"] == "3"


def test_the_judges_key_alone_reaches_a_worker() -> None:
    before = {"OPENAI_API_KEY": "a", "TEAM_TOKEN": "b"}
    after = worker_environment(before, None, "TEAM_TOKEN")
    assert after["TEAM_TOKEN"] == "b"
    assert "OPENAI_API_KEY" not in after

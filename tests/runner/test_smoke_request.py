"""Requests of a session: what a smoke run shares with a probe and what it does not."""

from __future__ import annotations

from pathlib import Path

from fakes_session import SESSION, fake_surroundings, write_session

from runner.folder import SessionFolder
from runner.overrides import load_session
from runner.planning import RequestMaker, plan_night
from runner.surroundings import gather_inputs


def maker(folder: Path, text: str = SESSION) -> RequestMaker:
    config = load_session(write_session(folder, text))
    session = SessionFolder(folder / "out")
    return RequestMaker(config, gather_inputs(config, session.suite, fake_surroundings(folder)), session)


def test_a_smoke_run_is_short_has_one_answer_and_a_key_of_its_own(tmp_path: Path) -> None:
    config = load_session(write_session(tmp_path, SESSION.replace("steps = 5", "steps = 50")))
    session = SessionFolder(tmp_path / "out")
    inputs = gather_inputs(config, session.suite, fake_surroundings(tmp_path))
    make = RequestMaker(
        config.model_copy(update={"suite": config.suite.model_copy(update={"samples": 3})}), inputs, session
    )
    probe, smoke = make(config.recipe, 4, "search"), make(config.recipe, 4, "search", "smoke")
    assert (probe.recipe.steps, probe.samples, smoke.recipe.steps, smoke.samples) == (50, 3, 12, 1)
    assert smoke.key != probe.key
    assert smoke.key in smoke.folder
    shared = ("seed", "split", "suite", "train", "base_model", "generation", "versions")
    assert all(getattr(smoke, name) == getattr(probe, name) for name in shared)


def test_a_smoke_run_has_at_least_one_step(tmp_path: Path) -> None:
    make = maker(tmp_path, SESSION.replace("steps = 5", "steps = 2"))
    recipe = load_session(tmp_path / "session.toml").recipe
    assert make(recipe, 0, "search", "smoke").recipe.steps == 1


def test_silence_is_taught_in_a_quarter_of_the_steps_and_never_in_fewer_than_forty(tmp_path: Path) -> None:
    for steps, broken in ((300, 75), (12, 40)):
        folder = tmp_path / str(steps)
        folder.mkdir()
        make = maker(folder, SESSION.replace("steps = 5", f"steps = {steps}"))
        request = make(load_session(folder / "session.toml").recipe, 0, "search", "broken")
        assert (request.recipe.steps, request.control, request.samples) == (broken, "broken", 1)


def test_the_plan_knows_the_rate_of_early_stops(tmp_path: Path) -> None:
    config = load_session(write_session(tmp_path), ["probe.early_stop=0.1"])
    inputs = gather_inputs(config, tmp_path / "suite", fake_surroundings(tmp_path))
    assert plan_night(config, inputs, "night", "private_voice").early_stop == 0.1
    assert load_session(tmp_path / "session.toml").probe.early_stop is None

"""What later nights know of earlier moves: how each ended, in typed values, and which moves are known to harm."""

from __future__ import annotations

from pathlib import Path

from fakes_memory import tonight_like, write_night

from probes.candidate import Change
from tracking.memory.known import EarlierNights
from tracking.memory.learn import learn
from tracking.memory.moves import EarlierMove, Outcome
from tracking.memory.remembered import RememberedNight, remember
from tracking.night import NightRecord

GUARDS = ("private_voice", "anachronism_trap", "ground_truth")


def remembered(folder: Path, **options: object) -> tuple[RememberedNight, EarlierNights]:
    events = write_night(folder, **options)  # type: ignore[arg-type]
    night = remember(NightRecord.replay(events), "p")
    return night, learn(tonight_like(events, folder), [night])


def move(outcome: Outcome, after: float = 0.01, *harmed: str) -> EarlierMove:
    change = Change(lane="hyperparameters", knob="learning_rate", before=0.005, after=after)
    return EarlierMove(session="s", change=change, outcome=outcome, harmed=harmed)


def known(earlier: EarlierNights, *moves: EarlierMove) -> list[EarlierMove]:
    return earlier.model_copy(update={"moves": moves}).known_harm(GUARDS)


def test_every_decided_move_is_remembered_with_how_it_ended(tmp_path: Path) -> None:
    night, _ = remembered(tmp_path / "a")
    outcomes = {str(each.change): (each.outcome, each.harmed) for each in night.moves}
    assert len(outcomes) == 7
    assert outcomes["learning_rate 0.005 → 0.01"] == ("raised", ())
    assert outcomes["order shuffle → source_last"] == ("collapsed", ("private_voice",))
    assert outcomes["private_voice 1 → 3"] == ("harmful", ("anachronism_trap",))
    assert outcomes["beta 0.1 → 0.11"] == ("unclear", ())


def test_no_word_of_a_proposer_is_remembered(tmp_path: Path) -> None:
    events = write_night(tmp_path / "a")
    assert any("Raises the step size" in event.model_dump_json() for event in events)
    night = remember(NightRecord.replay(events), "p")
    assert "Raises the step size" not in night.model_dump_json()
    assert "optuna" not in night.model_dump_json()


def test_only_what_touches_tonights_target_or_guards_counts_as_known_harm(tmp_path: Path) -> None:
    _, earlier = remembered(tmp_path / "a")
    assert {str(each.change) for each in earlier.known_harm(GUARDS)} == {
        "order shuffle → source_last",
        "private_voice 1 → 3",
    }
    assert [str(each.change) for each in earlier.known_harm(["anachronism_trap"])] == ["private_voice 1 → 3"]
    assert known(earlier, move("collapsed")), "a ruined training is harm whatever the target"


def test_a_move_that_another_night_saw_raise_its_target_is_no_known_harm(tmp_path: Path) -> None:
    _, earlier = remembered(tmp_path / "a")
    assert known(earlier, move("harmful", 0.01, "ground_truth"))
    assert not known(earlier, move("harmful", 0.01, "ground_truth"), move("raised"))
    assert not known(earlier, move("unclear"))


def test_what_changes_did_to_each_category_is_pooled_over_nights_on_the_same_rows(tmp_path: Path) -> None:
    one, _ = remembered(tmp_path / "a")
    events = write_night(tmp_path / "b", day=15, seed=8)
    other = remember(NightRecord.replay(events), "p")
    earlier = learn(tonight_like(events, tmp_path / "b"), [one, other])

    def total(night: RememberedNight | EarlierNights) -> int:
        return sum(each.still + each.moved + each.unclear for each in night.movements)

    assert total(earlier) == total(one) + total(other)
    assert total(one) == 7 * 6, "every change, on every category"
    assert [each.session for each in earlier.moves] == ["a"] * 7 + ["b"] * 7

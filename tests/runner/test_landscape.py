from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import typer
from fakes_session import write_session
from recipe_changes import changed_fields

from lanes.config import LanesConfig
from lanes.open import open_lanes
from probes.outcome import ItemScores, ProbeOutcome, ProbeStatus
from probes.recipe import Curriculum, Recipe
from probes.statistics.confirmation import Difference
from runner import companions, landscape
from runner.landscape import Wanted, effects_table, is_right, run_app, single_changes

BASELINE = Recipe(base_model="m", learning_rate=1e-3, curriculum=Curriculum(sources=("letters",)))
TAGS = {
    "category": {"a": 30, "b": 30},
    "source": {"letters": 30, "records": 30},
    "difficulty": {"easy": 30, "hard": 30},
}


def outcome(a: float, b: float) -> ProbeOutcome:
    items = tuple(ItemScores(item=c, category=c, difficulty="easy", scores=(s,)) for c, s in (("a", a), ("b", b)))
    return ProbeOutcome(key="k", status=ProbeStatus.COMPLETED, items=items)


def test_every_single_change_is_one_legal_step_from_the_baseline_and_all_lanes_are_there() -> None:
    wanted = list(single_changes(open_lanes(LanesConfig(), BASELINE, TAGS, "optuna"), BASELINE, 6))
    assert {want.lane for want in wanted} == {"hyperparameters", "data_mix", "curriculum"}
    assert all(len(changed_fields(BASELINE, want.recipe)) == 1 for want in wanted)
    assert len({want.recipe.fingerprint for want in wanted}) == len(wanted) >= 12


def test_the_table_puts_the_largest_gain_first_and_negates_with_the_sign() -> None:
    rng = np.random.default_rng(0)
    rows = [[outcome(5 + shift + e, 5 - shift) for e in rng.normal(0, 0.1, 6)] for shift in (0.0, -1.0, 2.0)]
    wanted = [Wanted("curriculum", "worse", BASELINE), Wanted("data_mix", "better", BASELINE)]
    lines = effects_table(wanted, rows, ["a", "b", "overall"], "a").splitlines()
    assert [line.split(" | ")[1] for line in lines[3:]] == ["better", "worse"]
    assert lines[3].split(" | ")[2].startswith("+")
    assert lines[4].split(" | ")[2].startswith("−")


def test_a_claim_is_right_when_it_covers_a_true_gain() -> None:
    truth = Difference(effect=1.0, standard_error=0.1, df=20)
    assert is_right(True, 0.5, 1.5, truth)
    assert not is_right(True, 1.5, 2.5, truth)
    assert not is_right(True, -2.0, -1.0, Difference(-1.5, 0.1, 20))


def test_no_claim_is_right_only_where_there_was_nothing_to_claim() -> None:
    assert is_right(False, None, None, None)
    assert is_right(False, -0.2, 0.3, Difference(effect=0.1, standard_error=0.1, df=20))
    assert not is_right(False, -0.2, 2.0, Difference(effect=1.0, standard_error=0.1, df=20))


@pytest.mark.parametrize(("app", "command"), [(landscape.app, ["changes"]), (companions.app, [])])
def test_a_session_answered_by_a_server_is_refused_before_anything_is_read_or_written(
    app: typer.Typer, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_session(tmp_path)
    file.write_text(file.read_text() + '[serving]\nbackend = "vllm"\n')
    with pytest.raises(SystemExit) as end:
        run_app(app, [*command, str(file), "--out", str(tmp_path / "out")])
    said = capsys.readouterr().err
    assert (end.value.code, 'set it to "transformers"' in said) == (2, True)
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()

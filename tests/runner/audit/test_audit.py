from __future__ import annotations

import json
import os
from pathlib import Path
from statistics import fmean

import pytest
from fakes_blocks import block_night
from fakes_night import make_night

from probes.errors import ComparabilityError, ConfigError, DataError
from runner.audit.audit import Audit, audit_path
from runner.audit.nights import require_comparable_nights
from runner.audit.trials import is_seed_only
from runner.cli import main
from tracking.events import MeasurementsInvalidated, ProbeFinished
from tracking.night import NightRecord
from tracking.results_tsv import results_text

HEADER = "commit\tval_loss\tmemory_gb\tstatus\tdescription"
RATCHET = [
    "c0\t2.000\t40\tkeep\tbaseline",
    "c1\t1.500\t40\tkeep\twider layers",
    "c2\t1.510\t40\tdiscard\trandom seed 42 to 137",
    "c3\t0.000\t0\tcrash\tdouble batch",
    "c4\t1.495\t40\tkeep\tlower rate",
    "c5\t1.700\t40\tdiscard\trate .04 to .05",
    "c6\t1.490\t40\tkeep\tadd decay",
    "c7\t1.600\t40\tdiscard\trate .04 to .05",
]
BLOCKED = [
    "commit\tsteps\tquality\tquality_delta\toverall\tmax_regression\tcritical_failures\tconstraint_ok\tstatus\tdescription",
    "a1\t50\t0.0\t-6.0\t0.0\t-7.7\t9\tfalse\tdiscard\trate=1; beta=1",
    "a2\t50\t4.1\t-1.9\t4.0\t-7.5\t4\tfalse\tdiscard\trate=1; beta=1",
    "a3\t80\t4.9\t-1.1\t4.8\t-7.5\t2\tfalse\tdiscard\trate=1; beta=2",
    "a4\t80\t5.2\t-0.8\t5.0\t-7.5\t2\tfalse\tdiscard\trate=2; beta=2",
]


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def audit_of(tmp_path: Path, lines: list[str], **options: str) -> Audit:
    name = options.pop("name", "results.tsv")
    given = {"metric": None, "direction": None, **options}
    return audit_path(write(tmp_path / name, lines), **given)  # type: ignore[arg-type]


def test_a_ratchet_is_judged_by_its_one_seed_only_row(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, [HEADER, *RATCHET])
    assert (audit.metric, audit.direction, audit.missing) == ("val_loss", "min", 1)
    assert audit.noise.sd == pytest.approx(0.01 / 2**0.5)
    assert audit.noise.degrees_of_freedom == 1
    assert [win.verdict for win in audit.wins] == ["survives", "within noise", "within noise"]
    assert audit.in_all is not None
    assert audit.in_all.verdict == "survives"
    assert "of 3 kept wins, 1 survives its own noise" in audit.sentence
    assert any("One difference alone" in note for note in audit.notes)


def test_equal_words_on_another_working_recipe_are_no_repeat(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, [HEADER, *RATCHET])
    assert audit.noise.repeated_configs == 1
    assert any("repeats an earlier description on another working recipe" in note for note in audit.notes)
    together = [HEADER, *RATCHET[:6], "c6\t1.720\t40\tdiscard\trate .04 to .05"]
    assert audit_of(tmp_path, together).noise.repeated_configs == 2


def test_a_crash_is_missing_whatever_was_logged_for_it(tmp_path: Path) -> None:
    for cell in ("0.000000", "", "nan", "9999"):
        lines = [HEADER, *(line.replace("0.000\t0\tcrash", f"{cell}\t0\tcrash") for line in RATCHET)]
        assert audit_of(tmp_path, lines).sentence == audit_of(tmp_path, [HEADER, *RATCHET]).sentence


def test_without_repeats_it_says_plainly_that_the_noise_is_unknown(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, [HEADER, *(row for row in RATCHET if "seed" not in row)])
    assert {win.verdict for win in audit.wins} == {"unknown"}
    assert "its noise is unknown: nothing was run twice and no row changes only the seed" in audit.sentence


def test_a_rule_that_could_accept_nothing_is_found_in_its_columns(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, BLOCKED)
    assert (audit.metric, audit.direction) == ("quality", "max")
    assert audit.cannot_accept
    assert (
        "its own rule could not have accepted anything, because `constraint_ok` is false on all 4 rows"
        in audit.sentence
    )
    assert {fault.kind for fault in audit.faults} == {
        "constraint never met",
        "constant guard",
        "foreign reference",
        "crash as score",
    }
    texts = " ".join(fault.text for fault in audit.faults)
    assert "−7.5 on 3 of 3 scored rows" in texts
    assert "reference of 6 that no run" in texts
    assert "`steps` 50 and 80 alike" in texts
    assert "exactly 0 on line 2" in texts


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        ("5.0\t-7.5\t2\tfalse", "5.0\t-7.5\t2\ttrue", "constraint never met"),
        ("4.8\t-7.5", "4.8\t-1.1", "constant guard"),
        ("5.2\t-0.8", "6.2\t0.2", "foreign reference"),
        ("0.0\t-6.0", "3.9\t-2.1", "crash as score"),
    ],
)
def test_each_fault_needs_its_own_evidence(tmp_path: Path, before: str, after: str, gone: str) -> None:
    kinds = {fault.kind for fault in audit_of(tmp_path, [row.replace(before, after) for row in BLOCKED]).faults}
    assert gone not in kinds
    assert len(kinds) == 3


def test_a_direction_that_every_keep_contradicts_is_questioned(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, [HEADER, *RATCHET], direction="max")
    assert any(note.startswith("Every kept row is worse") for note in audit.notes)
    assert not any("Every kept row" in note for note in audit_of(tmp_path, [HEADER, *RATCHET]).notes)


def test_a_kept_seed_is_called_one(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, [HEADER, *(row.replace("discard\trandom", "keep\trandom") for row in RATCHET)])
    assert [win.verdict for win in audit.wins].count("same recipe") == 1
    assert ", 1 changed only the seed" in audit.sentence


def test_a_seed_only_row_under_other_conditions_is_no_repeat(tmp_path: Path) -> None:
    lines = ["steps\tloss\tstatus\tdescription", "50\t2.0\tkeep\tbaseline", "90\t1.5\tdiscard\tseed 2"]
    assert audit_of(tmp_path, lines).noise.sd is None


def test_a_healthy_ratchet_has_no_faults(tmp_path: Path) -> None:
    audit = audit_of(tmp_path, [HEADER, *RATCHET])
    assert audit.faults == ()
    assert not audit.cannot_accept


def test_equal_configs_in_json_lines_are_repeats_whatever_the_seed(tmp_path: Path) -> None:
    rows = [
        {"recipe": {"rank": rank, "seed": seed}, "score": score}
        for rank, seed, score in [(8, 0, 5.0), (8, 1, 5.2), (8, 2, 5.1), (16, 0, 7.0), (16, 1, 7.1), (4, 0, 5.15)]
    ]
    audit = audit_of(tmp_path, [json.dumps(row) for row in rows], name="runs.jsonl")
    assert audit.noise.degrees_of_freedom == 3
    assert [(win.label, win.verdict) for win in audit.wins] == [("rank=16", "survives"), ("rank=4", "within noise")]


def test_changes_of_a_block_are_judged_by_the_probes_with_and_without_them(tmp_path: Path) -> None:
    write(tmp_path / "ledger.jsonl", [event.model_dump_json() for event in block_night()])
    audit = audit_path(tmp_path, None, None)
    night = NightRecord.replay(block_night())
    scored = [(p.plan.changes, s) for p in night.probes if p.plan.block and (s := p.metric(night.target)) is not None]
    gain = fmean(s for c, s in scored if "c01" in c) - fmean(s for c, s in scored if "c01" not in c)
    first, second = audit.wins[:2]
    assert (first.label, second.label) == (
        "c01 learning_rate 0.005 → 0.01 (block 1)",
        "c03 rank 16 → 64 (block 1)",
    )
    assert first.gain == pytest.approx(gain)
    assert (first.runs, first.reference_runs) == (6, 5), "the row without a result counts on neither side"
    assert second.runs_a_side is not None
    assert audit.tries == 7 + 1 + 1, "the changes of the block, the one raced afterwards, the final recipe"


def test_our_results_table_without_its_ledger_says_that_the_ledger_tells_more(tmp_path: Path) -> None:
    (tmp_path / "copied.tsv").write_text(results_text(NightRecord.replay(block_night())), encoding="utf-8")
    audit = audit_path(tmp_path / "copied.tsv", "target", "max")
    assert any("audit the session's folder" in note for note in audit.notes)
    assert not any("audit the session's folder" in note for note in audit_of(tmp_path, [HEADER, *RATCHET]).notes)


def test_invalidated_rows_of_our_tables_are_left_out(tmp_path: Path) -> None:
    events = block_night()
    last = [event for event in events if isinstance(event, ProbeFinished)][-4]
    mark = MeasurementsInvalidated(at=events[-1].at, since=last.at, reason="wrong server")
    (tmp_path / "whole.tsv").write_text(results_text(NightRecord.replay(events)), encoding="utf-8")
    (tmp_path / "marked.tsv").write_text(results_text(NightRecord.replay([*events, mark])), encoding="utf-8")
    whole, marked = (audit_path(tmp_path / name, "target", "max") for name in ("whole.tsv", "marked.tsv"))
    assert marked.rows == whole.rows - 4
    assert "4 rows of invalidated probes left out." in marked.notes
    (tmp_path / "none.tsv").write_text(
        results_text(NightRecord.replay([*events, mark.model_copy(update={"since": events[0].at})])), encoding="utf-8"
    )
    with pytest.raises(DataError, match=r"every probe in .* was invalidated"):
        audit_path(tmp_path / "none.tsv", "target", "max")


def test_smoke_runs_and_rehearsals_are_no_wins(tmp_path: Path) -> None:
    write(tmp_path / "ledger.jsonl", [event.model_dump_json() for event in block_night()])
    audit = audit_path(tmp_path, None, None)
    assert audit.rows == sum(probe.plan.phase != "smoke" for probe in NightRecord.replay(block_night()).probes)
    assert [win.label for win in audit.wins[2:]] == ["final recipe (held-out items)"]


def test_a_night_of_ours_is_read_from_its_folder_or_ledger(tmp_path: Path) -> None:
    lines = [event.model_dump_json() for event in make_night("claim")]
    ledger = write(tmp_path / "ledger.jsonl", lines)
    (tmp_path / "results.tsv").write_text("")
    audits = [audit_path(path, None, None) for path in (tmp_path, ledger, tmp_path / "results.tsv")]
    assert len({audit.sentence for audit in audits}) == 1
    assert audits[0].direction == "max"
    assert audits[0].noise.degrees_of_freedom > 3
    final = [win for win in audits[0].wins if win.label == "final recipe (held-out items)"]
    assert [win.verdict for win in final] == ["survives"]
    with pytest.raises(ConfigError, match="leave out `--direction min`"):
        audit_path(ledger, None, "min")
    with pytest.raises(ConfigError, match="no completed probe with `rhyme`"):
        audit_path(ledger, "rhyme", None)


def test_nights_of_ours_are_read_together_only_when_their_probes_can_be_compared(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "same", "other")]
    for folder, samples in zip(folders, (3, 3, 2), strict=True):
        folder.mkdir()
        write(folder / "ledger.jsonl", [event.model_dump_json() for event in make_night("claim", samples=samples)])
    foreign = write(tmp_path / "results.tsv", [HEADER, *RATCHET])
    require_comparable_nights([folders[0], foreign, folders[1]])
    with pytest.raises(ComparabilityError, match="samples 3 against 2") as refusal:
        require_comparable_nights(folders)
    assert "the nights one and other" in str(refusal.value)
    assert "audit each night in a call of its own" in str(refusal.value)


@pytest.mark.parametrize(
    ("description", "is_so"),
    [
        ("random seed 42 to 137", True),
        ("Rerun with another seed", True),
        ("re-run baseline (seed=3)", True),
        ("repeat", True),
        ("seed 7 and wider layers", False),
        ("seed embeddings from tokens", False),
        ("baseline", False),
        ("", False),
    ],
)
def test_only_rows_that_say_nothing_but_seed_are_seed_only(description: str, is_so: bool) -> None:
    assert is_seed_only(description) is is_so


@pytest.mark.parametrize(
    ("lines", "options", "words"),
    [
        ([HEADER], {}, "has no rows"),
        ([HEADER, *RATCHET], {"metric": "accuracy"}, "has no column `accuracy`; `--metric` must be one of commit"),
        ([HEADER, *RATCHET], {"metric": "description"}, "must be a number, empty or N/A, got 'baseline'"),
        (["name\tx1\tx2", "a\t1\t2"], {}, "name it with `--metric`, one of x1, x2"),
        (["name\tx1", "a\t1", "b\t2"], {}, "say `--direction min` or `--direction max`"),
        (["name\tx1", "a\t", "b\t"], {"metric": "x1"}, "is empty in every row"),
        (["name\tloss\tstatus", "a\t1\tcrash"], {}, "no scored row"),
        (["name\tloss", "a\t1\t2\t3"], {}, "line 2 has 4 cells, the header 2"),
        (["just text", "more"], {}, "no header of distinct column names"),
        (['{"a": '], {"name": "x.jsonl"}, "line 1 is not JSON"),
        (["[1]"], {"name": "x.jsonl"}, "not a JSON object"),
        ([HEADER, RATCHET[0]], {}, "has one scored run: there is nothing to hold it against"),
        ([HEADER, RATCHET[0], RATCHET[3]], {}, "has one scored run"),
        ([HEADER, *(row.replace("2.000", "nan") for row in RATCHET[:1])], {}, "no scored row"),
    ],
)
def test_bad_input_names_the_cure(tmp_path: Path, lines: list[str], options: dict[str, str], words: str) -> None:
    with pytest.raises((ConfigError, DataError)) as caught:
        audit_of(tmp_path, lines, **options)
    assert words in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has no rows"),
        (b"\x89PNG\r\n\x1a\n", "is not UTF-8 text (byte 0); name a TSV, CSV or JSON lines file"),
        (b"SQLite format 3\x00\xff", "an MLflow store is read with `--mlflow-uri sqlite:///"),
    ],
)
def test_a_file_that_is_no_text_is_refused_with_the_cure(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "results.tsv").write_bytes(content)
    with pytest.raises(DataError) as caught:
        audit_path(tmp_path / "results.tsv", None, None)
    assert words in str(caught.value)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(["audit", *arguments])
    return caught.value.code, *capsys.readouterr()


def test_the_command_prints_table_and_sentence_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(write(tmp_path / "results.tsv", [HEADER, *RATCHET]))
    code, printed, _ = run(capsys, file)
    assert code == 0
    assert printed.splitlines()[-1].startswith("results.tsv: of 3 kept wins, 1 survives")
    assert "wider layers" in printed
    code, printed, _ = run(capsys, file, file, "--json")
    assert code == 0
    assert [audit["wins"][0]["verdict"] for audit in json.loads(printed)] == ["survives", "survives"]


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a real MLflow store with somebody's experiment: three recipes, one of them run five times, a crash."""
    from tracking.mlflow_store import QUIET

    os.environ.update(QUIET)  # MLflow reads them when it is imported
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"
    client = MlflowClient(uri)
    experiment = client.create_experiment("theirs")
    runs = [(1e-4, seed, score) for seed, score in enumerate((0.50, 0.52, 0.48, 0.51, 0.49))]
    runs += [(2e-4, 0, 0.58), (2e-4, 1, 0.60), (3e-4, 0, 0.515), (9e-4, 0, None)]
    for at, (rate, seed, score) in enumerate(runs):
        run_id = client.create_run(experiment, run_name=f"try {at}", start_time=at + 1).info.run_id
        client.log_param(run_id, "learning_rate", rate)
        client.log_param(run_id, "seed", seed)
        if score is not None:
            client.log_metric(run_id, "accuracy", score)
        client.set_terminated(run_id, "FINISHED" if score is not None else "FAILED")
    return uri


@pytest.mark.filterwarnings("ignore:The ..noload.. loader strategy is deprecated")  # MLflow's own tables
def test_an_mlflow_experiment_is_audited_by_its_own_repeats(theirs: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed, _ = run(capsys, "--mlflow-uri", theirs, "--experiment", "theirs", "--json")
    assert code == 0
    (audit,) = json.loads(printed)
    assert (audit["metric"], audit["direction"], audit["missing"]) == ("metrics.accuracy", "max", 1)
    assert audit["noise"]["degrees_of_freedom"] == 5
    assert [(win["verdict"], win["runs"]) for win in audit["wins"]] == [("survives", 2), ("within noise", 1)]
    assert audit["wins"][1]["runs_a_side"] >= 2


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "gone.db"
    code, _, said = run(capsys, "--mlflow-uri", f"sqlite:///{store}", "--experiment", "theirs")
    assert code == 2
    assert f"there is no `{store}`" in said
    assert not store.exists()


def test_the_command_ends_with_2_and_no_traceback_on_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in ([], [str(tmp_path / "gone.tsv")], [str(tmp_path)], ["--mlflow-uri", "sqlite:///x.db"]):
        code, _, said = run(capsys, *arguments)
        assert code == 2
        assert said.startswith("nightlab: ")


def test_foreign_text_cannot_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoilt = [row.replace("lower rate", "[red]x[/red] \x1b[2J\x07 **bold**") for row in RATCHET]
    file = str(write(tmp_path / "results.tsv", [HEADER, *spoilt]))
    _, printed, _ = run(capsys, file)
    assert "\x1b" not in printed
    assert "[red]x[/red] \\x1b[2J\\x07 **bold**" in printed


def real(name: str) -> Path:
    root = os.environ.get("NIGHTLAB_DATA")
    if not root:
        pytest.skip("NIGHTLAB_DATA is not set: results of other loops are not on this machine")
    found = sorted(Path(root).rglob(name))
    if not found:
        pytest.skip(f"NIGHTLAB_DATA={root} has no {name}")
    return found[0]


def test_one_seed_only_row_of_a_real_ratchet_leaves_one_win_standing() -> None:
    audit = audit_path(real("ratchet_h100.tsv"), None, None)
    assert (audit.direction, audit.noise.degrees_of_freedom, audit.missing, len(audit.wins)) == ("min", 1, 1, 22)
    assert [win.verdict for win in audit.wins].count("survives") == 1


def test_the_rule_of_the_real_ancestor_could_not_have_accepted_anything() -> None:
    audit = audit_path(real("results.tsv"), None, None)
    assert "its own rule could not have accepted anything" in audit.sentence
    assert len({fault.kind for fault in audit.faults}) == 4


JUDGED = [
    "Run\tBase\tPairs\tRaw\tCorrected\tDate",
    "first\tA\t475\t3.41\t4.10\t2026-03-26",
    "quantised\tA\t1273\t1.74\tN/A\t2026-03-27",
    "larger\tB\t1273\t8.80\t8.81\t2026-03-29",
    "larger\tB\t1273\t8.65\t8.82\t2026-03-30",
    "unjudged\tA\t200\t—\t—\t2026-03-24",
]


def test_a_table_of_raw_and_corrected_scores_is_read_one_form_at_a_time_and_never_by_guess(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"which column is the metric cannot be told; .*Raw, Corrected"):
        audit_of(tmp_path, JUDGED, direction="max")
    missing = [audit_of(tmp_path, JUDGED, metric=name, direction="max").missing for name in ("Raw", "Corrected")]
    assert missing == [1, 2], "a row without a corrected score has none, though it has a raw one"
    corrected = audit_of(tmp_path, JUDGED, metric="Corrected", direction="max")
    assert corrected.noise.sd == pytest.approx(0.01 / 2**0.5)

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import pytest
from fakes_night import baseline

from probes.errors import LedgerError
from tracking.champions import (
    Champion,
    ChampionBook,
    Entry,
    Holder,
    Promoted,
    RoleFrozen,
    RoleUnfrozen,
    holders,
    nights_without_promotion,
)

ROOT = Path(__file__).parents[2]


def champion(session: str = "friday", ended: str = "2026-03-14T06:00:00.000+00:00") -> Champion:
    return Champion(
        session=session,
        folder=session,
        started="2026-03-13T22:00:00.000+00:00",
        ended=ended,
        ledger="0" * 16,
        commit=None,
        recipe=baseline(),
        changes="rank 16 → 64",
        target="overall",
        claim=None,
        confirmed=False,
        conditions={"samples": "1"},
    )


def promoted(role: str = "production", session: str = "friday", ended: str = "2026-03-14T06:00:00.000+00:00") -> Entry:
    return Promoted(
        at="2026-03-14T08:00:00.000+00:00", who="ada", role=role, reason="why", champion=champion(session, ended)
    )


def frozen(role: str = "production") -> Entry:
    return RoleFrozen(at="2026-03-15T08:00:00.000+00:00", who="bob", role=role, reason="in use")


def unfrozen(role: str = "production") -> Entry:
    return RoleUnfrozen(at="2026-03-16T08:00:00.000+00:00", who="eve", role=role, reason="released")


def put(book: ChampionBook, *entries: Entry) -> None:
    for entry in entries:
        book.write(lambda _, entry=entry: entry)


def test_a_role_belongs_to_the_latest_promotion_and_knows_all_before() -> None:
    told = [promoted(), frozen(), unfrozen(), promoted(session="saturday"), promoted("judge-voice")]
    found = holders(told)
    assert list(found) == ["production", "judge-voice"]
    assert found["production"].champion.session == "saturday"
    assert found["production"].freeze is None
    assert found["production"].history == tuple(told[:4])
    assert holders(told[:2])["production"].freeze == told[1]
    assert holders(told[:3])["production"].freeze is None
    assert holders([frozen()]) == {}


def test_what_is_written_is_read_again_by_anybody(tmp_path: Path) -> None:
    told = [promoted(), frozen()]
    put(ChampionBook(tmp_path / "results"), *told)
    assert ChampionBook(tmp_path / "results").entries() == told
    assert ChampionBook(tmp_path / "elsewhere").entries() == []


def test_a_decision_against_writing_leaves_the_file_alone(tmp_path: Path) -> None:
    book = ChampionBook(tmp_path)
    put(book, promoted())
    before = book.path.read_bytes()

    def refuse(found: dict[str, Holder]) -> Entry | None:
        assert "production" in found
        raise LedgerError("no")

    with pytest.raises(LedgerError):
        book.write(refuse)
    assert book.write(lambda _: None) is None
    assert book.path.read_bytes() == before


def test_cut_anywhere_the_file_tells_its_whole_lines_and_takes_the_next(tmp_path: Path) -> None:
    whole = ChampionBook(tmp_path / "whole")
    told = [promoted(), frozen(), unfrozen()]
    put(whole, *told)
    data = whole.path.read_bytes()
    for cut in range(0, len(data), 7):
        book = ChampionBook(tmp_path / f"cut{cut}")
        book.path.parent.mkdir()
        book.path.write_bytes(data[:cut])
        known = told[: data[:cut].count(b"\n")]
        assert book.entries() == known
        put(book, frozen())
        assert book.entries() == [*known, frozen()]
        torn = book.path.with_suffix(".torn")
        assert (torn.read_bytes() if torn.exists() else b"") == data[data.rfind(b"\n", 0, cut) + 1 : cut]


def test_a_writer_killed_in_the_middle_of_a_line_takes_no_lock_and_no_role_along(tmp_path: Path) -> None:
    book = ChampionBook(tmp_path)
    put(book, promoted())
    code = f"""
import os
from pathlib import Path
from tracking.champions import ChampionBook, RoleFrozen
write = os.write
def half(file, data):
    write(file, bytes(data)[: len(data) // 2])
    os.kill(os.getpid(), 9)
os.write = half
ChampionBook(Path({str(tmp_path)!r})).write(
    lambda _: RoleFrozen(at="2026-03-15T08:00:00.000+00:00", who="bob", role="production", reason="in use")
)
"""
    died = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    assert not book.path.read_bytes().endswith(b"\n"), "half a line is there"
    assert book.holders()["production"].freeze is None
    put(book, frozen())
    assert book.entries() == [promoted(), frozen()]


def test_a_damaged_line_is_named_and_never_skipped(tmp_path: Path) -> None:
    book = ChampionBook(tmp_path)
    put(book, promoted(), frozen())
    lines = book.path.read_bytes().splitlines(keepends=True)
    book.path.write_bytes(lines[0].replace(b'"reason"', b'"raisin"') + lines[1])
    before = book.path.read_bytes()
    for act in (book.entries, lambda: put(book, unfrozen())):
        with pytest.raises(LedgerError, match=r"champions\.jsonl` line 1 is no decision .*restore the file"):
            act()
    assert book.path.read_bytes() == before


def test_writers_take_turns(tmp_path: Path) -> None:
    def freeze_once(found: dict[str, Holder]) -> Entry | None:
        sleep(0.02)  # time for another to decide on what it read before
        return None if found["production"].freeze else frozen()

    put(ChampionBook(tmp_path), promoted())
    with ThreadPoolExecutor(8) as pool:
        turns = [pool.submit(ChampionBook(tmp_path).write, freeze_once) for _ in range(8)]
        written = [turn.result() for turn in turns]
    assert sum(entry is not None for entry in written) == 1
    assert len(ChampionBook(tmp_path).entries()) == 2


def test_nights_since_the_latest_promoted_one_are_counted() -> None:
    nights = [f"2026-03-{day}T06:00:00.000+00:00" for day in (12, 13, 14, 15, 16)]
    assert nights_without_promotion(nights, []) == 5
    assert nights_without_promotion(nights, [promoted(ended=nights[2])]) == 2
    told = [promoted(ended=nights[2]), promoted("judge-voice", "sunday", nights[4]), frozen()]
    assert nights_without_promotion(nights, told) == 0
    assert nights_without_promotion(nights, told, "production") == 2
    assert nights_without_promotion([], told) == 0

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes_night import NightWriter, make_night

from probes.errors import LedgerError
from tracking.ledger import Ledger, read_events
from tracking.night import NightRecord


def test_events_come_back_as_they_were_written(tmp_path: Path) -> None:
    events = make_night("claim")
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        for event in events:
            ledger.append(event)
        assert ledger.events() == events
    assert read_events(tmp_path / "ledger.jsonl") == events


def test_observers_see_an_event_only_after_it_is_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    seen: list[int] = []
    with Ledger(path, [lambda event: seen.append(len(read_events(path)))]) as ledger:
        for event in make_night("empty"):
            ledger.append(event)
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("torn", [b'{"kind": "warned", "at": "2026', b"\x00\x00\x00", b'{"kind":"warned"}'])
def test_a_torn_last_line_is_kept_beside_and_cut_off(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "ledger.jsonl"
    events = make_night("empty")
    with Ledger(path) as ledger:
        for event in events:
            ledger.append(event)
    with path.open("ab") as file:
        file.write(torn)
    assert read_events(path) == events, "readers leave an unfinished line out"
    with Ledger(path) as ledger:
        ledger.append(events[-1])
        assert ledger.events() == [*events, events[-1]]
    assert (tmp_path / "ledger.torn").read_bytes() == torn


def test_a_whole_last_line_that_lost_only_its_newline_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    events = make_night("empty")
    path.write_bytes("\n".join(event.model_dump_json() for event in events).encode())
    with Ledger(path) as ledger:
        assert ledger.events() == events
        ledger.append(events[-1])
    assert len(read_events(path)) == len(events) + 1
    assert not (tmp_path / "ledger.torn").exists()


def test_a_bad_line_in_the_middle_is_named_with_its_cure(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    lines = [event.model_dump_json() for event in make_night("empty")]
    path.write_text("\n".join([lines[0], '{"kind": "nonsense"}', *lines[1:]]) + "\n")
    with pytest.raises(LedgerError, match=r"line 2 is not an event .*nightlab resume"):
        read_events(path)


def test_a_second_writer_is_refused_and_readers_are_not(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path):
        with pytest.raises(LedgerError, match="being written by another process"):
            Ledger(path)
        assert read_events(path) == []
    Ledger(path).close()


def test_a_missing_ledger_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="name a session folder"):
        read_events(tmp_path / "ledger.jsonl")


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from fakes_night import make_night
from probes.errors import LedgerError
from tracking.ledger import Ledger
path = Path(sys.argv[1])
ledger = Ledger(path)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
written = 0
try:
    for event in make_night("claim"):
        ledger.append(event)
        written += 1
except LedgerError as error:
    print(written, error)
"""


def test_a_full_disk_leaves_a_valid_ledger_and_a_clear_message(tmp_path: Path) -> None:
    """A limit on the file's size stops a write half-way, as a full disk does."""
    path = tmp_path / "ledger.jsonl"
    done = _python(FULL_DISK, path)
    written, _, message = done.partition(" ")
    assert "the disk is full" in message
    assert "nightlab resume" in message
    assert read_events(path) == make_night("claim")[: int(written)]
    assert not (tmp_path / "ledger.torn").exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from fakes_night import make_night
from tracking.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
for number, event in enumerate(make_night("claim")):
    ledger.append(event)
    if number == 30:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_loses_nothing_and_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    _python(KILLED, path, expect=-9)
    events = make_night("claim")
    with Ledger(path) as ledger:
        assert ledger.events() == events[:31]
        for event in events[31:]:
            ledger.append(event)
    assert NightRecord.replay(read_events(path)) == NightRecord.replay(events)


def test_two_thousand_probes_are_read_in_seconds(tmp_path: Path) -> None:
    night = NightWriter()
    night.start()
    night.calibrate(20)
    path = tmp_path / "ledger.jsonl"
    started, lines = night.events[0].model_dump_json(), [e.model_dump_json() for e in night.events[2:-1]]
    path.write_text("\n".join([started, *(lines * 100)]) + "\n")
    begin = time.process_time()
    assert len(read_events(path)) == 4001
    assert time.process_time() - begin < 5.0


def _python(script: str, path: Path, expect: int = 0) -> str:
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "tests")])}
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == expect, done.stderr
    return done.stdout


PAUSED = """
import resource, signal, sys
from pathlib import Path
from fakes_night import make_night
from probes.errors import LedgerError
from tracking.ledger import Ledger
path, hard = Path(sys.argv[1]), resource.getrlimit(resource.RLIMIT_FSIZE)[1]
pauses = []
def patience():
    for number in range(2):
        pauses.append(number)
        if number == 1 and len(pauses) == 2:  # the first time somebody makes room, the second time nobody does
            resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
        yield
ledger = Ledger(path, pauses=patience)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
written = 0
try:
    for event in make_night("claim"):
        ledger.append(event)
        written += 1
except LedgerError as error:
    print(written, len(pauses), error)
"""


def test_a_full_disk_is_waited_for_and_nothing_is_written_twice(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    written, pauses, message = _python(PAUSED, path).split(" ", 2)
    assert int(pauses) == 4
    assert "the disk is full" in message
    assert 20_000 < path.stat().st_size <= 40_000
    assert read_events(path) == make_night("claim")[: int(written)]

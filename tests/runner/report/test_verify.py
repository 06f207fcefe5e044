"""A report is held against its ledger: every figure that somebody changed is found, named and cured."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes_night import make_night

from runner.cli import main
from runner.report.build import rebuilt, write_report
from runner.report.verify import FIGURE, compare, verified_in_words, verify_report
from tracking.ledger import Ledger

FILES = ("session.toml", "results.tsv", "summary.json", "report.md", "report.html")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        for event in make_night("claim"):
            ledger.append(event)
    write_report(tmp_path)
    return tmp_path


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_a_report_that_nobody_touched_is_as_its_ledger_says(folder: Path) -> None:
    found = verify_report(folder)
    assert found.mismatches == ()
    assert found.files == FILES
    assert found.figures > 1000
    assert "all as the ledger has them" in verified_in_words(found, folder)


@pytest.mark.parametrize("name", ["report.md", "report.html"])
def test_a_changed_digit_is_named_with_its_line_its_place_and_the_ledgers_value(folder: Path, name: str) -> None:
    page = folder / name
    lines = page.read_text().split("\n")
    number = next(i for i, line in enumerate(lines) if "verified_response" in line and "0.004" in line)
    lines[number] = lines[number].replace("0.004", "0.003")
    page.write_text("\n".join(lines))
    (found,) = verify_report(folder).mismatches
    assert (found.file, found.line, found.found, found.expected) == (name, number + 1, "0.003", "0.004")
    assert found.place == "“The claim”, “Guards in the confirmation”, row verified_response, column p"
    words = verified_in_words(verify_report(folder), folder)
    assert "has `0.003`, the ledger says `0.004`" in words
    assert f"`nightlab report {folder}`" in words


@pytest.mark.parametrize("name", ["report.md", "report.html"])
def test_no_figure_of_the_report_can_be_changed_unseen(folder: Path, name: str) -> None:
    text = (folder / name).read_text()
    wants = rebuilt(folder, "")[name]
    start, end = text.index("<body>") if name.endswith("html") else 0, text.index("Generated")
    figures = [match for match in FIGURE.finditer(text) if start < match.start() < end][::23]
    assert len(figures) > 25
    for match in figures:
        digit = (int(match.group()[-1]) + 1) % 10
        tampered = f"{text[: match.end() - 1]}{digit}{text[match.end() :]}"
        assert list(compare(name, tampered, wants)), f"{match.group()} in {name}"


def test_a_line_taken_out_or_put_in_is_found(folder: Path) -> None:
    page = folder / "report.md"
    lines = page.read_text().split("\n")
    row = next(i for i, line in enumerate(lines) if line.startswith("| c03 "))
    page.write_text("\n".join(lines[:row] + lines[row + 1 :]))
    assert any(each.found == "" and "c03" in each.expected for each in verify_report(folder).mismatches)
    page.write_text("\n".join([*lines[:row], "We gained 9.99 points.", *lines[row:]]))
    assert any("9.99" in each.found for each in verify_report(folder).mismatches)


@pytest.mark.parametrize("name", FILES)
def test_every_file_that_follows_from_the_ledger_is_held_against_it(folder: Path, name: str) -> None:
    (folder / name).write_text((folder / name).read_text() + "more\n")
    assert {each.file for each in verify_report(folder).mismatches} == {name}
    (folder / name).unlink()
    assert {each.file for each in verify_report(folder).mismatches} == {name}


def test_the_command_says_so_and_exits_with_two(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as clean:
        main(["report", "--verify", str(folder)])
    assert clean.value.code == 0
    edit(folder / "report.md", "+1.24", "+2.24")
    with pytest.raises(SystemExit) as wrong:
        main(["report", "--verify", str(folder)])
    assert wrong.value.code == 2
    assert "the file has `+2.24`, the ledger says `+1.24`" in capsys.readouterr().out
    assert "+2.24" in (folder / "report.md").read_text(), "a verification writes nothing"


def test_everything_is_rebuilt_from_the_ledger_alone(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    alone = tmp_path_factory.mktemp("alone")
    (alone / "ledger.jsonl").write_bytes((folder / "ledger.jsonl").read_bytes())
    write_report(alone)
    for name in FILES:
        there, here = ((place / name).read_text().split("\n") for place in (folder, alone))
        differ = [pair for pair in zip(there, here, strict=True) if pair[0] != pair[1]]
        assert all("Generated" in line for pair in differ for line in pair)

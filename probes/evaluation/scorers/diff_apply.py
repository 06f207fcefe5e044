"""Applies a diff to files with `git apply`, in a folder that is thrown away, and never outside it.

A diff that names anything outside the folder, a link, a submodule or `.git`, and a binary patch, are refused before git
sees them; git, which reads no configuration of this machine here, refuses the same by itself. Links on the way cannot
be, for the folder starts with plain files. What git allocates for a diff is bounded by its length.

Wrong line counts are forgiven (`--recount`), and so are missing `a/` and `b/`. Lines that differ from the file are not.
A diff that shows no context at all is placed by its numbers (`--unidiff-zero`): git would else put it at a file's end.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_LIMIT_S = 10.0
_ODD_MODE = re.compile(r"^(?:(?:new|old|deleted) (?:file )?mode |index [0-9a-f.]+ )(120000|160000)", re.MULTILINE)
_PLAIN_HEADER = re.compile(r"^(?=--- [^\n]*\n\+\+\+ [^\n]*\n@@ )", re.MULTILINE)
_CONTEXT = re.compile(r"^ ", re.MULTILINE)
_MOVE = re.compile(r"(?:rename|copy) (?:from|to|old|new) (.*)")
_NO_FILE = "/dev/null"


class Applied(NamedTuple):
    """What became of the files."""

    files: dict[str, str]
    """Path → content after the diff; empty where it did not apply."""
    problem: str = ""
    """Why it did not apply."""


def apply_diff(git: str, diff: str, files: Mapping[str, str]) -> Applied:
    """Return what `diff` makes of `files`.

    Raises:
        TimeoutError: git did not end in time; it was killed.
    """
    names = _names_in(diff)
    if problem := _refusal(diff, names):
        return Applied({}, problem)
    with tempfile.TemporaryDirectory(prefix="nightlab-diff-") as name:
        home = Path(name).resolve()
        folder = home / "files"
        folder.mkdir()
        _write_files(folder, files)
        options = [f"-p{_strip_level(names, files)}", "--whitespace=nowarn"]
        if not _CONTEXT.search(diff):
            options.append("--unidiff-zero")
        complaint = _run_git([git, "apply", *options], diff, folder)
        return Applied({}, f"does not apply: {complaint}") if complaint else _read_files(folder)


def path_problem(path: str) -> str:
    """Return why a path may not be written, empty when it may."""
    parts = path.split("/")
    if path.startswith("/"):
        return "is absolute"
    if any(part in ("", ".", "..") for part in parts):
        return "does not stay in the folder"
    return "is git's own" if any(part.lower() in (".git", "git~1") for part in parts) else ""


def _run_git(command: list[str], diff: str, folder: Path) -> str:
    """Apply `diff` in `folder`, all of it or nothing; return git's complaint, empty when it applied.

    With `--recount`, git takes the next file's `--- ` line for a removed line unless a `diff` line stands between, so
    one is put there, and counts are believed first.
    """
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder.parent),
        "LC_ALL": "C",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
    }
    complaint = ""
    for option, text in (("--no-recount", diff), ("--recount", _PLAIN_HEADER.sub("diff -u\n", diff))):
        try:
            done = subprocess.run(
                [*command, option, "-"],
                input=text.encode(errors="surrogatepass"),
                cwd=folder,
                env=environment,
                capture_output=True,
                timeout=_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"`git apply` did not end within {_LIMIT_S:g} s; is the machine overloaded?") from None
        if done.returncode == 0:
            return ""
        said = done.stderr.decode(errors="replace").partition("\n")[0].removeprefix("error: ")
        complaint = complaint or said or f"git ended with {done.returncode}"
    return complaint


class _Names(NamedTuple):
    """The file names in a diff's headers, unquoted."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    other: tuple[str, ...]
    """From `diff --git`, renames and copies: `diff --git` names only as the blanks in them fall."""


def _names_in(diff: str) -> _Names:
    """Return every name that git might take for a file's.

    Inside a hunk, a line that starts with `--- ` is a header only if one with `+++ ` follows, for git as for us.
    """
    old, new, other = list[str](), list[str](), list[str]()
    lines, in_hunk = diff.split("\n"), False
    for number, line in enumerate(lines):
        head, _, rest = line.partition(" ")
        name = _unquoted(rest.split("\t")[0].rstrip("\r"))
        if head == "@@":
            in_hunk = True
        elif line.startswith("diff "):
            in_hunk = False
            if rest.startswith("--git "):
                other.extend(_unquoted(rest).removeprefix("--git ").replace('"', "").split())
        elif head == "---" and (not in_hunk or lines[min(number + 1, len(lines) - 1)].startswith("+++ ")):
            in_hunk = False
            old.append(name)
        elif head == "+++" and not in_hunk:
            new.append(name)
        elif not in_hunk and (move := _MOVE.fullmatch(line.rstrip("\r"))):
            other.append(_unquoted(move.group(1)))
    return _Names(tuple(old), tuple(new), tuple(other))


def _unquoted(name: str) -> str:
    """Return a name as it is on disk: git quotes odd ones like C."""
    if '"' not in name and "\\" not in name:
        return name
    inner = name[1:-1] if len(name) > 1 and name[0] == name[-1] == '"' else name
    try:
        return inner.encode().decode("unicode_escape").encode("latin-1").decode(errors="replace")
    except (UnicodeDecodeError, UnicodeEncodeError):
        return ".."  # what cannot be read cannot be trusted


def _refusal(diff: str, names: _Names) -> str:
    """Return why `diff` is not even tried."""
    if mode := _ODD_MODE.search(diff):
        return f"refused: it makes a {'link' if mode.group(1) == '120000' else 'submodule'}"
    if "GIT binary patch" in diff:
        return "refused: it holds a binary patch"
    for name in (*names.old, *names.new, *names.other):
        if name != _NO_FILE and (problem := path_problem(name)):
            return f"refused: the path `{name}` {problem}"
    return ""


def _strip_level(names: _Names, files: Mapping[str, str]) -> int:
    """Return how many leading parts of the names to drop: one (`a/`, `b/`), or none when they fit as they are."""
    paths = [name for name in (*names.old, *names.new) if name != _NO_FILE]
    as_they_are = sum(name in files for name in paths)
    stripped = sum(name.partition("/")[2] in files for name in paths)
    if as_they_are != stripped:
        return 0 if as_they_are > stripped else 1
    return 1 if any(name.startswith(("a/", "b/")) for name in paths) else 0


def _write_files(folder: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode(errors="surrogatepass"))


def _read_files(folder: Path) -> Applied:
    """Return the files below `folder`; anything but plain files is a problem."""
    after: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            return Applied({}, f"refused: `{name}` is no plain file")
        if path.is_file():
            after[name] = path.read_bytes().decode(errors="surrogateescape")
    return Applied(after)

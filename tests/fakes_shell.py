"""The command line in this process, on a small session in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes_session import fake_surroundings, write_session

from runner.cli import main


class Shell:
    """Runs `nightlab` with the words given before those of each call."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], *first: str) -> None:
        self.folder, self._capsys, self._first = folder, capsys, first
        self.session = str(write_session(folder))

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error."""
        with pytest.raises(SystemExit) as caught:
            main((*self._first, *arguments), fake_surroundings(self.folder))
        printed, said = self._capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, printed, said

"""Commands run at an office that is open already."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from troth.cli.session import Session
from troth.errors import BadInput, TrothError
from troth.office import Office

__all__ = ["AtDesk", "Terminal"]


class AtDesk(Session):
    """A session whose office is open already."""

    def __init__(self, office: Office) -> None:
        super().__init__({}, verbose=False)
        object.__setattr__(self, "opened", office)

    @contextmanager
    def office(self) -> Iterator[Office]:
        """That office."""
        yield self.__dict__["opened"]


class Terminal:
    """Runs the commands of one group at somebody's office."""

    def __init__(self, app: typer.Typer, office: Office) -> None:
        self.app, self.office = app, office

    def ran(self, *words: str, code: int = 0) -> tuple[str, str]:
        """What the command prints on stdout and on stderr, ending with `code`."""
        result = CliRunner().invoke(self.app, words, obj=AtDesk(self.office), catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.stdout, result.stderr

    def run(self, *words: str, code: int = 0) -> str:
        """What it prints on stdout."""
        return self.ran(*words, code=code)[0]

    def json(self, *words: str, code: int = 0) -> dict[str, Any]:
        """The same with --json."""
        return json.loads(self.run(*words, "--json", code=code))

    def refused(self, *words: str) -> str:
        """What a command that the user got wrong complains of."""
        with pytest.raises(TrothError) as caught:
            CliRunner().invoke(self.app, words, obj=AtDesk(self.office), catch_exceptions=False)
        assert isinstance(caught.value, BadInput), caught.value
        return str(caught.value)

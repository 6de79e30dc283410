"""One run of one command: its settings, its office, what it prints and how."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

import typer

from troth.config import Settings

if TYPE_CHECKING:
    from troth.office import Office

__all__ = ["Json", "Session"]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, amounts in base units.")]


@dataclass(frozen=True)
class Session:
    """What the options before the command said."""

    given: Mapping[str, str | None]
    verbose: bool

    @classmethod
    def of(cls, context: typer.Context) -> Session:
        """The session of a command."""
        session = context.find_object(cls)
        assert session is not None  # noqa: S101  the callback of the root command made it
        return session

    @cached_property
    def settings(self) -> Settings:
        """Read once. Raises BadSetting."""
        from troth.cli.logs import set_up_logs  # noqa: PLC0415  kept out of --help

        set_up_logs(verbose=self.verbose)
        return Settings.read(None, **self.given)

    @contextmanager
    def office(self) -> Iterator[Office]:
        """The office, open. Raises what `Office.open` raises."""
        from troth.office import Office  # noqa: PLC0415  half a second that --help can do without

        gc.freeze()  # what importing made stays: searches for garbage, a tenth of a large run, can spare it
        with Office.open(self.settings) as office:
            yield office

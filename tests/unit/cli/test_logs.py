"""Logs on stderr: warnings by default, more on demand, never other libraries' details."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from troth.cli.logs import set_up_logs


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Puts the process's logging back."""
    root, own = logging.getLogger(), logging.getLogger("troth")
    before = (root.handlers[:], root.level, own.level)
    yield
    root.handlers[:], root.level, own.level = before


def test_warnings_are_one_line_of_logfmt(capsys: pytest.CaptureFixture[str]) -> None:
    """Time, level, logger and message; what is less is left out."""
    set_up_logs(verbose=False)
    logging.getLogger("troth.chain.sender").warning("filling nonce %d", 7)
    logging.getLogger("troth.chain.sender").info("sent")
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert 'level=warning logger=troth.chain.sender event="filling nonce 7"' in err
    assert err.startswith("timestamp=")


def test_verbose_is_about_troth_only(capsys: pytest.CaptureFixture[str]) -> None:
    """Other libraries' details may hold an access key."""
    set_up_logs(verbose=True)
    logging.getLogger("troth.chain.rpc").debug("asking again")
    logging.getLogger("urllib3.connectionpool").debug("POST /v3/secret")
    err = capsys.readouterr().err
    assert "asking again" in err
    assert "secret" not in err

"""What nobody foresaw: one line for the user, and the traceback in a log for whoever mends it."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import urlsplit

from troth.cli.app import given_globals

__all__ = ["report"]

_SECRET = ("rpc", "database_url", "password", "kek")


def report(error: Exception, given: Sequence[str]) -> str:
    """Writes the traceback to the home's log, without secrets, and returns the line for the user."""
    options = given_globals(given)
    secrets = [options.get(name) or os.environ.get(f"TROTH_{name.upper()}", "") for name in _SECRET]
    said = _without(secrets, " ".join(f"{type(error).__name__}: {error}".split()))
    trace = _without(secrets, "".join(traceback.format_exception(error)))
    home = Path(options.get("home") or os.environ.get("TROTH_HOME") or ".troth").expanduser().absolute()
    log = home / "troth.log"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
            file.write(f"{datetime.now(timezone.utc).isoformat(timespec='seconds')}\n{trace}\n")
    except OSError as failure:
        return (
            f"{said}; this is a defect, and its traceback could not be written to {log}: {failure.strerror}"
        )
    return f"{said}; this is a defect: please report it with the end of {log}"


def _without(secrets: Iterable[str], text: str) -> str:
    """`text` with the secrets in it, whole or in the parts that errors quote, made unreadable."""
    parts: set[str] = set()
    for secret in secrets:
        parts.add(secret)
        if "://" in secret:
            split = urlsplit(secret)
            parts |= {split.path, split.query, split.netloc.rpartition("@")[0], split.password or ""}
    hidden = sorted((part for part in parts if len(part) > 1), key=len, reverse=True)
    return re.sub("|".join(map(re.escape, hidden)), "…", text) if hidden else text

"""Starts Anvil away from the terminal and keeps its saved state whole. A program `troth.chain.anvil` runs.

Anvil saves its state every second by emptying the file and writing it anew: killed in between, it leaves half
a file. So each file it has completed is set aside, under another name, before it begins the next.

Standard library only, for it runs as long as the chain does: `python -I -S keeper.py FOLDER ANVIL ARGUMENT…`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["KEYS", "RECORD", "STATES", "is_alive", "is_whole", "start_of"]

RECORD = "process.json"
KEYS = "keys.json"
STATES = ("state.json", "state.new.json", "state.saved.json")
"""Where a state may be, newest first: as Anvil writes it, while it is set aside, and set aside."""

_END = b'"historical_states":null}'  # how Anvil ends a state it has written to the end
_TICK = 0.2


def is_whole(path: Path) -> bool:
    """Whether a state file was written to its end."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - len(_END) - 2))
            return file.read().rstrip().endswith(_END)
    except OSError:
        return False


def start_of(pid: int) -> str | None:
    """When the process started, in a form good for comparing only; None if there is none or it is a zombie.

    Process numbers are used again; number and start together are not.
    """
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    shown = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = shown.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()


def is_alive(pid: int, started: str) -> bool:
    """Whether that very process still runs."""
    return start_of(pid) == started


def _set_aside(folder: Path) -> None:
    """Moves a completed state out of Anvil's way."""
    current, new, saved = (folder / name for name in STATES)
    if not new.exists() and is_whole(current):
        current.replace(new)
    # Looked at again: Anvil may have begun to rewrite it just before the move, and then soon completes it.
    if is_whole(new):
        new.replace(saved)


def _spawn(command: list[str], log: Path) -> int:
    """Starts the command in a session of its own and returns its process number."""
    if pid := os.fork():
        return pid
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(log.parent)
    try:
        os.execv(command[0], command)  # noqa: S606  no shell
    finally:
        os._exit(127)


def main(folder: Path, command: list[str]) -> None:
    """Starts the command, records its process, and returns to the caller while a child keeps watch."""
    os.umask(0o077)  # development keys and state are nobody else's business
    if os.fork():
        return
    os.setsid()
    pid = _spawn(command, folder / "anvil.log")
    me = os.getpid()
    record = {"pid": pid, "started": start_of(pid) or "", "keeper": me, "keeping_since": start_of(me) or ""}
    draft = folder / f"{RECORD}.draft"
    draft.write_text(json.dumps(record))
    draft.replace(folder / RECORD)
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if not folder.exists():
            os.kill(pid, signal.SIGKILL)  # a home thrown away takes its chain with it
        # Anvil writes the keys after it has read its state: moved away before, the state would be lost on it.
        if (folder / KEYS).exists():
            _set_aside(folder)
        time.sleep(_TICK)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

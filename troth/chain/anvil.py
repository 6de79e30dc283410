"""The embedded chain: one Anvil a home, on this machine only, that survives the command that started it.

Under `home`/chain: its saved state, its log, the development keys it made (readable by the owner only), and
which process it is. `up` again after a crash goes on from the saved state, at most about a second old.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from troth.chain import keeper
from troth.chain.rpc import Node, quantity
from troth.errors import BadSetting, NodeError, NoNode
from troth.files import write_whole
from troth.home import locked

__all__ = ["Embedded", "down", "find_anvil", "running", "status", "up", "wait_until_saved"]

BLOCK_GAS = 200_000_000
"""Gas of a block: room for several full settlement transactions."""

_START = 30.0  # seconds to answer; a large state takes a while to load
_STOP = 30.0  # seconds to write the state down
_MEMORY = "chain.json"  # port, times of birth, and what is left to do of a start
_DUE = "due"
_LOCK = "chain/lock"
_PATIENCE = 90.0  # seconds to wait for another `up`
_STATE_BYTES = 50_000_000  # saved a second without being felt; a larger state is saved less often


@dataclass(frozen=True)
class Embedded:
    """A running embedded chain."""

    url: str
    pid: int
    accounts: Path
    """What Anvil wrote with --config-out; for `development_signers`."""
    log: Path


def up(home: Path, *, anvil: Path | None = None, genesis: int | None = None) -> Embedded:
    """Starts the home's chain, or finds it running.

    `genesis`: Unix time of block 0 for a chain that is new; such a chain keeps its own time and stands still
    while it is down. An older chain ignores it. `anvil`: the binary, else found as `find_anvil` says.
    Raises BadSetting if there is no Anvil, or no home can be, Busy if another process keeps starting it,
    NoNode if it fails.
    """
    folder = home / "chain"
    with locked(home, _LOCK, patience=_PATIENCE):
        if (found := _process(folder)) is not None:
            _await(folder, found.url, found.pid, keys=True)
        else:
            _begin(folder, find_anvil(anvil), genesis)
        _finish(folder)
        return running(home)


def down(home: Path) -> bool:
    """Stops the home's chain, its state saved. False if it was not running. Raises Busy."""
    folder = home / "chain"
    if not folder.is_dir():
        return False
    with locked(home, _LOCK, patience=_PATIENCE):
        process = _read(folder / keeper.RECORD)
        pid, started = process.get("pid", 0), process.get("started", "")
        if not pid or not keeper.is_alive(pid, started):
            return False
        for kind, patience in ((signal.SIGINT, _STOP), (signal.SIGKILL, 5.0)):
            with suppress(ProcessLookupError):
                os.kill(pid, kind)
            if _until(lambda: not keeper.is_alive(pid, started), patience):
                break
        # The keeper may be moving the state just then: the folder is at rest only once it is gone.
        watcher, since = process.get("keeper", 0), process.get("keeping_since", "")
        _until(lambda: not keeper.is_alive(watcher, since), 5.0)
        (folder / keeper.RECORD).unlink(missing_ok=True)
        return True


def status(home: Path) -> Embedded | None:
    """The home's chain if its process runs, else None; so too until `up` has set its clock, killed or not."""
    folder = home / "chain"
    return None if _DUE in _read(folder / _MEMORY) else _process(folder)


def running(home: Path) -> Embedded:
    """The home's chain. Raises NoNode if its process does not run."""
    if (found := status(home)) is None:
        memory = _read(home / "chain" / _MEMORY)
        raise NoNode(_url(memory) if "port" in memory else f"the chain of {home}")
    return found


def wait_until_saved(home: Path, block: int, patience: float = 30.0) -> bool:
    """Waits until the state on disk has `block`, which then survives any crash. False if it never has."""
    folder = home / "chain"
    return _until(lambda: any(_saved_block(folder / name) >= block for name in keeper.STATES), patience)


def find_anvil(given: Path | None = None) -> Path:
    """The native Anvil: `given`, or from npm near the working directory or this package, or on PATH.

    Never npm's own `anvil` command: that is a script, and killing it leaves the real one running.
    Raises BadSetting.
    """
    if given is not None:
        if not _is_native(given):
            raise BadSetting("TROTH_ANVIL", str(given), "give the native Anvil program, not a script")
        return given
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    package = f"node_modules/@foundry-rs/anvil-{platform.system().lower()}-{machine}/bin/anvil"
    near = [Path.cwd(), *Path.cwd().parents, *Path(__file__).resolve().parents]
    on_path = shutil.which("anvil")
    for candidate in [*(folder / package for folder in near), *([Path(on_path)] if on_path else [])]:
        if _is_native(candidate):
            return candidate
    raise BadSetting("TROTH_ANVIL", "", "no Anvil found: run `make setup`, or give the path of the program")


def _process(folder: Path) -> Embedded | None:
    """The chain whose process runs, ready or not."""
    process, memory = _read(folder / keeper.RECORD), _read(folder / _MEMORY)
    if "port" not in memory or not keeper.is_alive(process.get("pid", 0), process.get("started", "")):
        return None
    return Embedded(_url(memory), process["pid"], folder / keeper.KEYS, folder / "anvil.log")


def _begin(folder: Path, binary: Path, genesis: int | None) -> None:
    """Starts the chain, from its saved state if there is one. What a start takes beyond that is on record
    beforehand, for `_finish`: from here on, another process may have to do it.
    """
    memory = _read(folder / _MEMORY)
    state = _choose_state(folder)
    if state is None:
        memory |= {"genesis": genesis, "born": int(time.time()) if genesis is None else genesis}
        memory.pop(_DUE, None)
    else:
        has_fallen = (folder / keeper.RECORD).exists() or bool(memory.get(_DUE, {}).get("block"))
        memory[_DUE] = {"clock": True, "block": has_fallen}
    for _ in range(3):  # between choosing a port and using it, another process may take it
        memory["port"] = _free_port(memory.get("port"))
        write_whole(folder / _MEMORY, json.dumps(memory))
        if _start(folder, binary, memory, state):
            return
    raise NoNode(_url(memory), f"Anvil did not start: {_last_line(folder / 'anvil.log')}")


def _finish(folder: Path) -> None:
    """Does what a start from a saved state left to do, once the chain answers. Twice does no harm."""
    memory = _read(folder / _MEMORY)
    if (due := memory.pop(_DUE, None)) is None:
        return
    with Node(_url(memory)) as node:
        _resume_clock(node, memory)
        if due["block"]:
            node.call("evm_mine")  # an index that knew of blocks now lost sees another one in their place
    write_whole(folder / _MEMORY, json.dumps(memory))


def _start(folder: Path, binary: Path, memory: dict[str, Any], state: Path | None) -> bool:
    """Starts Anvil and waits until it answers; False if it ends instead."""
    (folder / keeper.KEYS).unlink(missing_ok=True)
    (folder / keeper.RECORD).unlink(missing_ok=True)
    interval = 1 + (state.stat().st_size // _STATE_BYTES if state else 0)
    command = [
        str(binary.resolve()), "--quiet", "--host", "127.0.0.1", "--port", str(memory["port"]),
        "--state", keeper.STATES[0], "--state-interval", str(interval), "--config-out", keeper.KEYS,
        "--gas-limit", str(BLOCK_GAS), "--enable-tx-gas-limit", "--no-request-size-limit",
    ]  # fmt: skip
    # Anvil makes a block 0 at every start and saves it beside the first: they must be one and the same.
    if "born" in memory:
        command += ["--timestamp", str(memory["born"])]
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", str(folder))}
    with (folder / "anvil.log").open("ab") as log:
        (folder / "anvil.log").chmod(0o600)
        subprocess.run(
            [sys.executable, "-I", "-S", keeper.__file__, str(folder.resolve()), *command],
            check=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
        )  # fmt: skip
    if not _until((folder / keeper.RECORD).exists, 10.0):
        return False
    return _await(folder, _url(memory), _read(folder / keeper.RECORD)["pid"], keys=False)


def _await(folder: Path, url: str, pid: int, *, keys: bool) -> bool:
    """Waits until the process answers; False if it ends. Raises NoNode if it does neither.

    Anvil writes the keys after it has taken the port, so that with them there, nobody else answers.
    """
    started = keeper.start_of(pid)
    deadline = time.monotonic() + _START
    with Node(url, timeout=5.0, pause=lambda _: None) as node:
        while time.monotonic() < deadline:
            if started is None or not keeper.is_alive(pid, started):
                return False
            if keys or _read(folder / keeper.KEYS):  # whole: it appears empty and is filled after
                with suppress(NoNode, NodeError):
                    node.call("eth_chainId")
                    return True
            time.sleep(0.01)
    raise NoNode(url, f"process {pid} does not answer; look into {folder / 'anvil.log'}")


def _resume_clock(node: Node, memory: dict[str, Any]) -> None:
    """Anvil starts its clock at block 0: sets it past the last block, and to now where it keeps real time."""
    last = int(node.call("eth_getBlockByNumber", ["latest", False])["timestamp"], 16)
    keeps_own_time = memory.get("genesis") is not None
    node.call("evm_setTime", [quantity(last + 1 if keeps_own_time else max(last + 1, int(time.time())))])


def _choose_state(folder: Path) -> Path | None:
    """The newest whole state, put where Anvil looks for it; None for a new chain."""
    current = folder / keeper.STATES[0]
    for name in keeper.STATES:
        if keeper.is_whole(folder / name):
            if name != current.name:
                shutil.copyfile(folder / name, current)
            (folder / keeper.STATES[1]).unlink(missing_ok=True)
            return current
    current.unlink(missing_ok=True)  # half of the very first: nothing had been promised yet
    return None


def _saved_block(path: Path) -> int:
    """The newest block in a whole state file, -1 without one."""
    if not keeper.is_whole(path):
        return -1
    try:
        with path.open("rb") as file:
            head = file.read(80).decode("ascii", "replace")  # {"block":{"number":"0x1f",…
        return int(head.split('"number":"', 1)[1].split('"', 1)[0], 16)
    except (OSError, IndexError, ValueError):
        return -1


def _free_port(remembered: int | None) -> int:
    """The remembered port if nobody has it, else a free one."""
    for port in (remembered or 0, 0):
        with socket.socket() as probe, suppress(OSError):
            # Connections of a former chain that still close must not keep it from its port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise OSError("no free port on 127.0.0.1")


def _is_native(path: Path) -> bool:
    """Whether it is a program for the machine itself, and no script."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError:
        return False
    return os.access(path, os.X_OK) and start[:2] != b"#!" and len(start) == 4


def _until(done: Any, patience: float) -> bool:
    """Whether `done()` comes true within so many seconds."""
    deadline = time.monotonic() + patience
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _url(memory: dict[str, Any]) -> str:
    """The chain's address."""
    return f"http://127.0.0.1:{memory['port']}"


def _read(path: Path) -> dict[str, Any]:
    """A small JSON object, empty where there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _last_line(log: Path) -> str:
    """What Anvil said last."""
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

"""The embedded chain: one a home, kept across crashes, and never another's process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from troth.chain import Call, MemoryJournal, Node, Sender, anvil, development_signers, keeper
from troth.chain.anvil import Embedded
from troth.errors import BadSetting, Busy, NoNode
from troth.home import locked

PAYEE = "0x" + "ab" * 20
WHOLE = b'{"block":{"number":"0x1f","timestamp":"0x1"},"historical_states":null}'


def pay(chain: Embedded, value: int) -> int:
    """Sends some money and returns the block it is in."""
    with Node(chain.url) as node:
        sender = Sender(node, development_signers(chain.accounts)[0], MemoryJournal())
        return sender.send([Call(PAYEE, b"", 21_000, value)])[0].block


def balance(chain: Embedded) -> int:
    """What the payee holds."""
    with Node(chain.url) as node:
        return int(node.call("eth_getBalance", [PAYEE, "latest"]), 16)


def block_time(chain: Embedded) -> int:
    """Unix time of the newest block."""
    with Node(chain.url) as node:
        return int(node.call("eth_getBlockByNumber", ["latest", False])["timestamp"], 16)


def until(done: Callable[[], bool], patience: float = 5.0) -> bool:
    """Whether it comes true in time."""
    deadline = time.monotonic() + patience
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def is_gone(pid: int) -> bool:
    """Whether a process ends in time."""
    return until(lambda: keeper.start_of(pid) is None)


def test_up_starts_once_and_finds_it_again(home: Path) -> None:
    """The second `up` returns the same process; `status` and `running` agree."""
    first = anvil.up(home)
    assert anvil.up(home) == first == anvil.status(home) == anvil.running(home)
    assert first.url.startswith("http://127.0.0.1:")


def test_chain_listens_on_this_machine_only(embedded: Embedded) -> None:
    """Development keys are no secret, so nobody else may reach it."""
    arguments = Path(f"/proc/{embedded.pid}/cmdline").read_bytes().split(b"\0")
    assert arguments[arguments.index(b"--host") + 1] == b"127.0.0.1"


def test_files_are_the_owners_alone(home: Path) -> None:
    """Keys above all."""
    chain = anvil.up(home)
    anvil.wait_until_saved(home, 0)
    for path in (chain.accounts, chain.log, home / "chain" / "process.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (home, home / "chain"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_down_saves_the_state_and_up_goes_on_from_it(home: Path) -> None:
    """On the same port, with the same accounts; `down` says whether there was anything to stop."""
    first = anvil.up(home)
    pay(first, 5)
    assert anvil.down(home) is True
    assert is_gone(first.pid)
    assert anvil.status(home) is None
    assert anvil.down(home) is False
    second = anvil.up(home)
    assert second.url == first.url
    assert second.pid != first.pid
    assert balance(second) == 5


def test_folder_is_at_rest_after_down(home: Path) -> None:
    """Whoever kept the state is gone too, so the folder can be moved or deleted."""
    anvil.up(home)
    record = json.loads((home / "chain" / "process.json").read_text())
    assert keeper.is_alive(record["keeper"], record["keeping_since"])
    anvil.down(home)
    assert not keeper.is_alive(record["keeper"], record["keeping_since"])


def test_start_waits_until_the_keys_are_written_out(embedded: Embedded, tmp_path: Path) -> None:
    """Anvil makes their file before it fills it."""
    keys = tmp_path / keeper.KEYS
    keys.touch()
    with ThreadPoolExecutor() as pool:
        started = pool.submit(anvil._await, tmp_path, embedded.url, embedded.pid, keys=False)
        time.sleep(0.3)
        assert not started.done()
        keys.write_bytes(embedded.accounts.read_bytes())
        assert started.result(5) is True


def test_killed_chain_goes_on_from_the_saved_state(home: Path) -> None:
    """kill -9, no chance to save: what was saved counts, and no zombie is taken for a chain."""
    first = anvil.up(home)
    block = pay(first, 5)
    assert anvil.wait_until_saved(home, block)
    os.kill(first.pid, signal.SIGKILL)
    assert is_gone(first.pid)
    assert anvil.status(home) is None
    with pytest.raises(NoNode, match="troth up"):
        anvil.running(home)
    assert balance(anvil.up(home)) == 5


def test_fallen_chain_has_a_new_block_once_it_is_up(home: Path) -> None:
    """So that an index which knew of blocks now lost sees another in their place; a clean stop adds none."""
    first = anvil.up(home)
    block = pay(first, 5)
    anvil.down(home)
    again = anvil.up(home)
    assert newest(again) == block
    assert anvil.wait_until_saved(home, block)
    os.kill(again.pid, signal.SIGKILL)
    assert is_gone(again.pid)
    assert newest(anvil.up(home)) == block + 1


@pytest.mark.parametrize("step", ["_start", "subprocess.run", "_finish", "_resume_clock"])
def test_up_killed_before_the_chain_is_ready_is_finished_by_the_next(home: Path, step: str) -> None:
    """Its clock is set and its block is made, by whoever comes next; until then it is not up."""
    first = anvil.up(home)
    block = pay(first, 5)
    assert anvil.wait_until_saved(home, block)
    os.kill(first.pid, signal.SIGKILL)
    assert is_gone(first.pid)
    killed_in(home, step)
    assert anvil.status(home) is None
    with pytest.raises(NoNode, match="troth up"):
        anvil.running(home)
    time.sleep(3)  # by which the clock lags: it was started at the time of block 0
    before = int(time.time())
    again = anvil.up(home)
    assert newest(again) == block + 1
    assert block_time(again) >= before
    assert anvil.up(home) == again == anvil.status(home)
    assert newest(again) == block + 1


def killed_in(home: Path, step: str) -> None:
    """Has a process bring the chain up, and kills it as it begins a step."""
    program = (
        "import os; from pathlib import Path; from troth.chain import anvil; "
        f"anvil.{step} = lambda *_, **__: os.kill(os.getpid(), 9); anvil.up(Path({str(home)!r}))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL


def newest(chain: anvil.Embedded) -> int:
    """The number of its newest block."""
    with Node(chain.url) as node:
        return int(node.call("eth_blockNumber"), 16)


def test_killed_while_saving_goes_on_from_the_state_before(home: Path) -> None:
    """Half a file is left; the one set aside counts."""
    first = anvil.up(home)
    block = pay(first, 5)
    assert anvil.wait_until_saved(home, block)
    folder = home / "chain"
    assert until(lambda: anvil._saved_block(folder / keeper.STATES[2]) >= block)
    os.kill(first.pid, signal.SIGKILL)
    assert is_gone(first.pid)
    content = (folder / keeper.STATES[2]).read_bytes()
    (folder / keeper.STATES[0]).write_bytes(content[: len(content) // 2])
    (folder / keeper.STATES[1]).unlink(missing_ok=True)
    assert balance(anvil.up(home)) == 5


def test_killed_before_it_ever_saved_starts_anew(home: Path) -> None:
    """Half of the very first state is no state."""
    folder = home / "chain"
    folder.mkdir(parents=True)
    (folder / keeper.STATES[0]).write_bytes(WHOLE[:20])
    assert balance(anvil.up(home)) == 0


def test_two_ups_at_once_start_one_chain(home: Path) -> None:
    """Whoever comes second finds the first one's."""
    program = (
        f"from pathlib import Path; from troth.chain import anvil; print(anvil.up(Path({str(home)!r})).pid)"
    )
    with ThreadPoolExecutor() as pool:
        runs = pool.map(
            lambda _: subprocess.check_output([sys.executable, "-c", program], text=True), range(3)
        )
    assert len(set(runs)) == 1


def test_up_behind_a_lock_is_busy(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not wait for ever."""
    monkeypatch.setattr(anvil, "_PATIENCE", 0.05)
    with locked(home, "chain/lock"), pytest.raises(Busy):
        anvil.up(home)


def test_home_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """By name; nothing is started, and there is nothing to stop."""
    (tmp_path / "file").touch()
    with pytest.raises(BadSetting, match=r"TROTH_HOME: .*: cannot be written: Not a directory"):
        anvil.up(tmp_path / "file" / "home")
    assert anvil.down(tmp_path / "file" / "home") is False


def test_two_homes_do_not_collide(home: Path, embedded: Embedded) -> None:
    """Another port, another chain."""
    other = anvil.up(home)
    before = balance(embedded)
    pay(other, 5)
    assert other.url != embedded.url
    assert balance(embedded) == before


def test_port_taken_meanwhile_is_exchanged_and_the_new_one_remembered(home: Path) -> None:
    """Somebody else listens where the chain used to."""
    first = anvil.up(home)
    anvil.down(home)
    port = int(first.url.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        second = anvil.up(home)
        assert second.url != first.url
        anvil.down(home)
    assert anvil.up(home).url == second.url


def test_recycled_process_number_is_not_killed(home: Path) -> None:
    """A process of that number, but not of that start: not ours."""
    with subprocess.Popen(["sleep", "60"]) as bystander:
        try:
            folder = home / "chain"
            folder.mkdir(parents=True)
            (folder / "chain.json").write_text('{"port": 1}')
            (folder / keeper.RECORD).write_text(json.dumps({"pid": bystander.pid, "started": "1"}))
            assert anvil.status(home) is None
            assert anvil.down(home) is False
            assert bystander.poll() is None
        finally:
            bystander.kill()


def test_chain_outlives_the_process_that_started_it(home: Path) -> None:
    """It is in a session of its own, and so is its keeper."""
    program = (
        f"from pathlib import Path; from troth.chain import anvil; print(anvil.up(Path({str(home)!r})).pid)"
    )
    pid = int(subprocess.check_output([sys.executable, "-c", program], text=True, start_new_session=True))
    assert os.getsid(pid) == pid
    assert anvil.running(home).pid == pid


def test_chain_ends_with_its_home(home: Path) -> None:
    """Who deletes the folder does not have to hunt for the process."""
    pid = anvil.up(home).pid
    away = home.rename(home.with_name("away"))  # at once: Anvil and its keeper still write there
    assert is_gone(pid)
    shutil.rmtree(away)


def test_chain_of_another_time_keeps_it(home: Path) -> None:
    """It starts then, stands still while it is down, and never goes back."""
    start = 1_325_376_000  # 2012
    first = anvil.up(home, genesis=start)
    pay(first, 1)
    last = block_time(first)
    assert start <= last < start + 60
    anvil.down(home)
    second = anvil.up(home, genesis=7)
    pay(second, 1)
    assert last < block_time(second) < last + 60


def test_clock_moved_ahead_stays_ahead(home: Path) -> None:
    """Anvil alone would fall back to the machine's time."""
    first = anvil.up(home)
    with Node(first.url) as node:
        node.call("evm_increaseTime", [hex(90 * 86_400)])
        node.call("evm_mine")
    last = block_time(first)
    anvil.down(home)
    second = anvil.up(home)
    pay(second, 1)
    assert block_time(second) > last > time.time() + 80 * 86_400


def test_transaction_above_the_networks_cap_is_refused(embedded: Embedded) -> None:
    """EIP-7825 holds here as it does outside."""
    with Node(embedded.url) as node:
        account = development_signers(embedded.accounts)[0].address
        message = {"from": account, "to": account, "gas": hex(16_777_217)}
        (answer,) = node.attempt([("eth_sendTransaction", [message])])
        assert "cap" in str(answer)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Path]:
    """A native program that is no Anvil: it ends at once."""
    place = tmp_path / "anvil"
    place.symlink_to("/bin/false")
    yield place


def test_program_that_ends_at_once_is_no_node(home: Path, program: Path) -> None:
    """With its last words; the next `up` with the right one works."""
    with pytest.raises(NoNode, match="Anvil did not start: it said nothing"):
        anvil.up(home, anvil=program)
    assert balance(anvil.up(home)) == 0


def test_broken_state_is_told_in_anvils_own_words(home: Path) -> None:
    """Whole by its end, and yet no state."""
    folder = home / "chain"
    folder.mkdir(parents=True)
    (folder / keeper.STATES[0]).write_bytes(WHOLE)
    with pytest.raises(NoNode, match=r"Anvil did not start: (?!it said nothing)"):
        anvil.up(home)


def test_script_is_not_taken_for_anvil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """npm's own `anvil` is a script: killed, it leaves the real one running."""
    script = tmp_path / "anvil"
    script.write_text("#!/usr/bin/env node\n")
    script.chmod(0o755)
    with pytest.raises(BadSetting, match="not a script"):
        anvil.find_anvil(script)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert anvil.find_anvil() != script


def test_anvil_on_path_is_found_where_npm_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And without any, the line says what to do."""
    native = anvil.find_anvil()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(anvil, "__file__", str(tmp_path / "anvil.py"))
    monkeypatch.setenv("PATH", str(native.parent))
    assert anvil.find_anvil() == native
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BadSetting, match="make setup"):
        anvil.find_anvil()


# --- the keeper


def test_whole_state_is_known_by_its_end(tmp_path: Path) -> None:
    """Every shorter piece of it is not whole, nor is nothing."""
    path = tmp_path / "state.json"
    assert not keeper.is_whole(path)
    for length in range(len(WHOLE)):
        path.write_bytes(WHOLE[:length])
        assert not keeper.is_whole(path)
    path.write_bytes(WHOLE + b"\n")
    assert keeper.is_whole(path)


def test_completed_state_is_set_aside_and_half_a_state_waits(tmp_path: Path) -> None:
    """The saved one is replaced by a whole one only, even if Anvil began anew just before the move."""
    current, new, saved = (tmp_path / name for name in keeper.STATES)
    current.write_bytes(WHOLE)
    keeper._set_aside(tmp_path)
    assert (current.exists(), new.exists(), saved.read_bytes()) == (False, False, WHOLE)
    new.write_bytes(WHOLE[:9])
    current.write_bytes(WHOLE)
    keeper._set_aside(tmp_path)
    assert (current.exists(), new.read_bytes(), saved.read_bytes()) == (True, WHOLE[:9], WHOLE)
    new.write_bytes(WHOLE + b"\n")
    keeper._set_aside(tmp_path)
    assert (current.exists(), new.exists(), saved.read_bytes()) == (True, False, WHOLE + b"\n")


def test_state_is_left_alone_until_anvil_has_read_it(tmp_path: Path) -> None:
    """A large one takes a while, and the keys are written after it."""
    current = tmp_path / keeper.STATES[0]
    current.write_bytes(WHOLE)
    program = [sys.executable, "-I", "-S", keeper.__file__, str(tmp_path), "/bin/sleep", "30"]
    subprocess.run(program, check=True, stdout=subprocess.DEVNULL)
    assert until((tmp_path / keeper.RECORD).exists)
    pid = json.loads((tmp_path / keeper.RECORD).read_text())["pid"]
    try:
        time.sleep(3 * keeper._TICK)
        assert current.exists()
        (tmp_path / keeper.KEYS).touch()
        assert until((tmp_path / keeper.STATES[2]).exists)
    finally:
        os.kill(pid, signal.SIGKILL)
    assert is_gone(pid)


def test_saved_block_is_read_from_a_whole_state_only(tmp_path: Path) -> None:
    """Without reading all of it."""
    path = tmp_path / "state.json"
    path.write_bytes(WHOLE)
    assert anvil._saved_block(path) == 31
    path.write_bytes(WHOLE[:-1])
    assert anvil._saved_block(path) == -1


def test_waiting_for_a_block_never_saved_ends(embedded: Embedded) -> None:
    """With False."""
    assert not anvil.wait_until_saved(embedded.accounts.parent.parent, 10**9, patience=0.05)


def test_process_is_known_by_number_and_start() -> None:
    """This one lives; the same number with another start does not."""
    started = keeper.start_of(os.getpid())
    assert started is not None
    assert keeper.is_alive(os.getpid(), started)
    assert not keeper.is_alive(os.getpid(), "1")
    assert keeper.start_of(2**22 + 1) is None


def test_block_0_is_the_same_after_any_number_of_restarts(home: Path) -> None:
    """Anvil makes one at every start and saves it too; by its hash a home knows its own chain."""

    def restarted() -> str:
        with Node(anvil.up(home).url) as node:
            genesis = node.call("eth_getBlockByNumber", ["0x0", False])["hash"]
            node.call("evm_mine")
        anvil.down(home)
        time.sleep(1.1)  # the next one would be made in another second
        return genesis

    assert len({restarted() for _ in range(5)}) == 1

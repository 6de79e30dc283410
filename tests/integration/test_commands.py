"""The command line from the outside: an insurer's days, and all that can be wrong with what they type."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from support.chain import Clock

from troth.chain import anvil
from troth.chain.rpc import Node
from troth.cli import main

DOLLAR = 10**6
PAYEES = tuple("0x" + f"{digit}" * 40 for digit in range(1, 5))
RISK, OTHER_RISK = "UA 1545 2013-01-01", "B6 725 2013-01-01"

PRODUCT = """\
name = "flight delay"
metric = "arrival delay, minutes"
direction = "at_least"
tiers = [[180, 5000], [300, 10000]]
"""
HEADER = "policy_ref,risk,payee,sum_insured,premium"
BOOK = f"""\
{HEADER}
P-1,{RISK},{PAYEES[0]},400.00,20
P-2,{RISK},{PAYEES[1]},250,12.50
P-3,{OTHER_RISK},{PAYEES[2]},600,30
P-4,{OTHER_RISK},{PAYEES[3]},0.000001,0
"""
OBSERVATIONS = f"risk,value\n{RISK},200\n{OTHER_RISK},-5\n"
FILES = {"product.toml": PRODUCT, "book.csv": BOOK, "obs.csv": OBSERVATIONS}


class Terminal:
    """Somebody typing commands in a folder of their own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.seen: set[tuple[str, ...]] = set()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TROTH_")}
        self.environment = {**kept, "TROTH_HOME": str(folder / "home"), **environment}

    @property
    def home(self) -> Path:
        """Its TROTH_HOME."""
        return Path(self.environment["TROTH_HOME"])

    def file(self, name: str, content: str | bytes) -> str:
        """Writes a file in the folder and returns its name."""
        (self.folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return name

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command: the first of its kind in a process of its own, others in this one, to spare a second."""
        if arguments[:2] in self.seen:
            return self.run_here(*arguments)
        self.seen.add(arguments[:2])
        return subprocess.run(
            [sys.executable, "-m", "troth", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def run_here(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command in this process."""
        out, err, before = io.StringIO(), io.StringIO(), Path.cwd()
        os.chdir(self.folder)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = main([*arguments, "--home", str(self.home)])
        finally:
            os.chdir(before)
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    def says(self, *arguments: str) -> str:
        """What a command that succeeds prints."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def told(self, *arguments: str) -> Any:
        """The same with --json, read."""
        return json.loads(self.says(*arguments, "--json"))


def terminal(folder: Path, **environment: str) -> Terminal:
    """A terminal with the three files."""
    made = Terminal(folder, **environment)
    for name, content in FILES.items():
        made.file(name, content)
    return made


# --- an insurer's days


def test_day_from_up_to_down_and_up_again(tmp_path: Path) -> None:
    """Every command of the list, on a chain that is stopped and started in between."""
    desk = terminal(tmp_path)
    try:
        opening(desk)
        settling(desk)
        owing(desk)
        desk.says("down")
        assert "no node answers" in desk.run("status").stderr
        assert desk.told("up")["deployed"] is False
        assert desk.told("claims", "list")["counts"]["paid"] == 4
        assert desk.told("settle")["paid"] == 0
        assert desk.told("reconcile")["ok"] is True
        with_the_pool(desk)
    finally:
        anvil.down(desk.home)


def opening(desk: Terminal) -> None:
    """A chain, a product, a book and a report; each asked for twice, and there once."""
    assert desk.told("up")["deployed"] is True
    assert desk.told("up")["deployed"] is False
    status = desk.told("status")
    assert status["chain_id"] == 31337
    assert status["rpc"].startswith("http://127.0.0.1:")
    assert status["addresses"].keys() >= {"token", "PolicyBooks", "CapitalPool"}
    assert status["pool"] == {
        "assets": 10**10 * DOLLAR,
        "reserved": 0,
        "owed": 0,
        "free": 10**10 * DOLLAR,
        "paused": False,
    }
    for _ in range(2):
        assert desk.told("product", "add", "product.toml")["version"] == 1
    assert "180: 50%, 300: 100%" in desk.says("product", "list")
    for already in (False, True):
        book = desk.told("book", "issue", "--product", "flight delay", "book.csv")
        assert (book["book_id"], book["policies"], book["already"]) == (1, 4, already)
        assert (book["sum_insured"], book["premium"]) == (1_250 * DOLLAR + 1, 62_500_000)
    for already in (False, True):
        report = desk.told("report", "publish", "--product", "flight delay", "obs.csv")
        assert (report["report_id"], report["observations"], report["already"]) == (1, 2, already)
    assert "final" in desk.says("report", "list")
    assert "flight delay 1" in desk.says("book", "list")


def settling(desk: Terminal) -> None:
    """What is due is said, then paid, then paid no more; by reference, in a list, in full and as a file."""
    plan = desk.told("settle", "--dry-run")
    assert (plan["due"], plan["due_amount"], plan["settled"]) == (2, 325 * DOLLAR, 0)
    done = desk.told("settle")
    assert (done["settled"], done["paid"], done["skipped"], done["owed"]) == (2, 325 * DOLLAR, 0, 0)
    assert (done["batches"], len(done["transactions"]), done["gas_used"] > 0) == (1, 1, True)
    assert done | {"decimals": 6, "symbol": "TUSD", "waiting": [], "failed": [], "dry_run": False} == done
    again = desk.told("settle", "--book", "1")
    assert (again["settled"], again["paid"], again["skipped"], again["transactions"]) == (0, 0, 2, [])

    listed = desk.told("claims", "list", "--status", "paid")
    assert {one["policy_ref"]: one["amount"] for one in listed["claims"]} == {
        "P-1": 200 * DOLLAR,
        "P-2": 125 * DOLLAR,
    }
    assert (listed["matching"], listed["counts"]["open"]) == (2, 2)
    (policy,) = desk.told("claims", "show", "P-1")["policies"]
    assert (policy["status"], policy["value"], policy["report"]) == ("paid", 200, 1)
    assert policy["transaction"] == done["transactions"][0]
    assert policy["proof"]["path"]
    rows = list(csv.DictReader(io.StringIO(desk.says("claims", "export"))))
    assert {row["policy_ref"]: row["amount"] for row in rows} == {
        "P-1": "200.00",
        "P-2": "125.00",
        "P-3": "",
        "P-4": "",
    }
    desk.says("claims", "export", "--output", "claims.csv")
    assert (desk.folder / "claims.csv").read_text().count("\n") == 5

    found = desk.told("reconcile")
    assert (found["policies"], found["claims"], found["events"]) == (4, 2, 2)
    assert (found["balances"], found["ok"], found["differences"]) == (325 * DOLLAR, True, [])


def owing(desk: Terminal) -> None:
    """A frozen payee is owed; frozen still, withdrawing says so and exits 1; then the money goes through."""
    freeze(desk, PAYEES[2], True)
    desk.file("later.csv", f"risk,value\n{OTHER_RISK},500\n")
    desk.says("report", "publish", "--product", "flight delay", "later.csv")
    done = desk.told("settle")
    assert (done["settled"], done["owed"], done["owed_amount"], done["paid"]) == (2, 1, 600 * DOLLAR, 1)
    (debt,) = desk.told("owed", "list")["owed"]
    assert (debt["payee"], debt["amount"]) == (PAYEES[2], 600 * DOLLAR)
    assert [one["policy_ref"] for one in debt["policies"]] == ["P-3"]
    refused = desk.run("owed", "withdraw")
    assert refused.returncode == 1
    assert PAYEES[2] in refused.stderr
    assert desk.told("status")["pool"]["owed"] == 600 * DOLLAR
    freeze(desk, PAYEES[2], False)
    (sent,) = desk.told("owed", "withdraw", PAYEES[2])["sent"]
    assert sent["amount"] == 600 * DOLLAR
    assert desk.run("owed", "withdraw").stderr == "nothing is owed\n"
    freeze(desk, PAYEES[3], False)


def with_the_pool(desk: Terminal) -> None:
    """In, under notice, and out in the window."""
    assert desk.told("pool", "deposit", "100.5")["amount"] == 100_500_000
    notice = desk.told("pool", "leave", "100")
    assert 100 * DOLLAR - 1 <= notice["worth"] <= 100 * DOLLAR
    early = desk.run("pool", "withdraw")
    assert (early.returncode, "no exit from the pool: the notice opens at" in early.stderr) == (1, True)
    with Node(anvil.running(desk.home).url) as node:
        Clock(node).move_by(30 * 86_400)
    assert desk.told("pool", "withdraw")["amount"] == notice["worth"]
    assert desk.told("pool", "show")["notice"] is None


def freeze(desk: Terminal, payee: str, frozen: bool) -> None:
    """Has the test dollar refuse a payee, or take it back."""
    status = desk.told("status")
    with Node(anvil.running(desk.home).url) as node:
        data = "0xbf120ae5" + payee[2:].rjust(64, "0") + f"{int(frozen):064x}"
        call = {"from": status["account"], "to": status["addresses"]["token"], "data": data}
        node.call("eth_sendTransaction", [call])


def test_two_homes_at_once_do_not_collide(tmp_path: Path) -> None:
    """Each has its chain, its database and its contracts' state."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = terminal(tmp_path / "one"), terminal(tmp_path / "two")
    try:
        assert one.told("up")["rpc"] != two.told("up")["rpc"]
        one.says("product", "add", "product.toml")
        assert len(one.told("product", "list")["products"]) == 1
        assert two.told("product", "list")["products"] == []
        two.says("down")
        one.says("status")
    finally:
        anvil.down(one.home)
        anvil.down(two.home)


# --- what they type wrong: a home with a product and a book, and commands that must change nothing


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A home that is up, with the product and the book."""
    desk = terminal(tmp_path_factory.mktemp("desk"))
    try:
        desk.says("up")
        desk.says("product", "add", "product.toml")
        desk.says("book", "issue", "--product", "flight delay", "book.csv")
        yield desk
    finally:
        anvil.down(desk.home)


@pytest.fixture
def desk(ready: Terminal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """The same, its commands run in this process; passes only if the chain stayed as it was."""
    for name in [name for name in os.environ if name.startswith("TROTH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TROTH_HOME", str(ready.home))
    monkeypatch.chdir(ready.folder)
    with Node(anvil.running(ready.home).url) as node:
        before = node.call("eth_blockNumber")
        yield ready
        assert node.call("eth_blockNumber") == before


def refused(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines on stderr of a command that refuses bad input."""
    code = main(arguments)
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    assert "Traceback" not in err
    return err.splitlines()


ISSUE = ("book", "issue", "--product", "flight delay")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (f"A,r,{PAYEES[0]},1,0\nA,r,{PAYEES[0]},1,0", ":3: policy_ref: 'A': stands on line 2 already"),
        ("A,r,0x12,1,0", ":2: payee: '0x12': not an address"),
        (f"A,r,0x{'0' * 40},1,0", f":2: payee: '0x{'0' * 40}': the zero address"),
        (
            "A,r,0x52908400098527886E0F7030069857D2E4169Ee7,1,0",
            ":2: payee: '0x52908400098527886E0F7030069857D2E4169Ee7': wrong checksum",
        ),
        (f"A,r,{PAYEES[0]},-1,0", ":2: sum_insured: '-1': not an amount"),
        (f"A,r,{PAYEES[0]},1,0.1234567", ":2: premium: '0.1234567': 7 digits after the point"),
        (f"A,r,{PAYEES[0]},{2**96},0", f":2: sum_insured: '{2**96}': too large"),
        (f"A,{'r' * 33},{PAYEES[0]},1,0", f":2: risk: '{'r' * 33}': 33 bytes in UTF-8"),
    ],
)
def test_bad_row_is_named_by_file_line_column_value_and_reason(
    row: str, problem: str, desk: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is sent."""
    (line,) = refused([*ISSUE, desk.file("bad.csv", f"{HEADER}\n{row}\n")], capsys)
    assert line.startswith(f"bad.csv{problem}")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("policy_ref,risk,payee,sum_insured\n", ":1: premium: this column is missing"),
        ("", ": empty: begin with policy_ref"),
        (f"{HEADER}\n", ": no rows below the header"),
        (f"{HEADER}\nA,r\xff,{PAYEES[0]},1,0\n".encode("latin-1"), ":2: risk: '0xff': this byte is not text"),
        (None, ": cannot be read: No such file or directory"),
    ],
)
def test_bad_file_is_named_with_its_reason(
    content: str | bytes | None, problem: str, desk: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing column, an empty file, a byte that is not UTF-8, no file at all."""
    (desk.folder / "bad.csv").unlink(missing_ok=True)
    if content is not None:
        desk.file("bad.csv", content)
    (line,) = refused([*ISSUE, "bad.csv"], capsys)
    assert line.startswith(f"bad.csv{problem}")


def test_first_twenty_bad_rows_are_named_and_the_rest_counted(
    desk: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    """A column filled wrongly does not fill the screen."""
    rows = "\n".join(f"A{number},r,nobody,1,0" for number in range(50))
    lines = refused([*ISSUE, desk.file("bad.csv", f"{HEADER}\n{rows}\n")], capsys)
    assert len(lines) == 21
    assert lines[-1] == "... and 30 more"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            ("book", "issue", "--product", "storm", "book.csv"),
            "--product: 'storm': no such product; known: flight delay",
        ),
        (("report", "publish", "--product", "storm", "obs.csv"), "--product: 'storm': no such product"),
        ((*ISSUE, "book.csv", "--deadline", "2030-01-01"), "--deadline: '2030-01-01': no time zone"),
        ((*ISSUE, "book.csv", "--daily-cap", "1.2345678"), "--daily-cap: '1.2345678': 7 digits"),
        (
            ("report", "publish", "--product", "flight delay", "obs.csv", "--to", "2030-01-01T00:00:00Z"),
            "--from: ",
        ),
        (("settle", "--book", "7"), "--book: '7': "),
        (("claims", "list", "--book", "7"), "--book: '7': no such book; known: 1"),
        (("claims", "show", "P-9"), "REF: 'P-9': no policy of this reference"),
        (("owed", "withdraw", "0x12"), "PAYEE: '0x12': not an address"),
        (("pool", "deposit", "0"), "AMOUNT: '0': write more than zero"),
        (("pool", "leave", "1", "--cancel"), "AMOUNT: '1': either an amount or --cancel"),
        (("book", "cap", "1", "many"), "AMOUNT: 'many': not an amount"),
        (("book", "cancel", "1", "P-9"), "REF: 'P-9': book 1 has no policy"),
        (("report", "challenge", "1", "--reason", ""), "--reason: '': write a code"),
        (("report", "uphold", "7"), "REPORT: '7': no such report"),
        (("book", "expire", "1"), "BOOK: '1': its claim deadline is"),
        (("up", "--quorum", "2"), "troth: --quorum: '2': only with --rpc"),
        (
            ("down", "--rpc", "http://me:key@node"),
            "troth: --rpc: 'http://…': that chain is not this home's to stop",
        ),
        (("status", "--rpc", "nonsense"), "troth: TROTH_RPC: 'nonsense': give an address"),
    ],
)
def test_bad_option_is_named_with_value_and_reason(
    arguments: tuple[str, ...], problem: str, desk: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and nothing is sent."""
    (line,) = refused(arguments, capsys)
    assert line.startswith(problem)


def test_bad_observations_and_product_are_named_too(
    desk: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the same rule."""
    desk.file("bad.csv", f"risk,value\n{RISK},1.5\n{RISK},1\n")
    publish = ("report", "publish", "--product", "flight delay", "bad.csv")
    assert [line.split(": ")[:3] for line in refused(publish, capsys)] == [
        ["bad.csv:2", "value", "'1.5'"],
        ["bad.csv:3", "risk", f"'{RISK}'"],
    ]
    desk.file("bad.toml", PRODUCT.replace("at_least", "sideways"))
    (line,) = refused(("product", "add", "bad.toml"), capsys)
    assert line.startswith("bad.toml:3: direction: 'sideways': ")


# --- what stands in their way: one line that says what to do, exit 1


def stopped(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr of a command that cannot work."""
    code = main(arguments)
    out, err = capsys.readouterr()
    assert (code, out) == (1, ""), err
    (line,) = err.splitlines()
    return line


def with_key(desk: Terminal, home: Path, key: str) -> list[str]:
    """Options for another home that knows the deployment by the chain's id, and signs with `key`."""
    (home / "deployments").mkdir(parents=True, exist_ok=True)
    shutil.copy(desk.home / "deployments" / "embedded.json", home / "deployments" / "chain-31337.json")
    (home / "key.json").write_text(json.dumps(Account.encrypt(key, "secret", kdf="pbkdf2", iterations=1)))
    (home / "password").write_text("secret\n")
    options = {
        "--home": home,
        "--rpc": anvil.running(desk.home).url,
        "--keystore": home / "key.json",
        "--password-file": home / "password",
    }
    return [str(word) for option in options.items() for word in option]


def other_product(folder: Path) -> str:
    """A product that is not there yet."""
    path = folder / "other.toml"
    path.write_text(PRODUCT.replace("flight delay", "other"))
    return str(path)


def test_no_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the home's own chain nor another."""
    home = ("--home", str(tmp_path))
    assert "start one with `troth up`" in stopped(("status", *home), capsys)
    line = stopped(("status", *home, "--rpc", "http://me:key@127.0.0.1:1/v3/secret"), capsys)
    assert "no node answers at http://127.0.0.1:1/…" in line


def test_not_deployed(desk: Terminal, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A chain this home knows nothing of."""
    given = ("--home", str(tmp_path), "--rpc", anvil.running(desk.home).url)
    assert "run `troth up` first" in stopped(("status", *given), capsys)


@pytest.mark.parametrize(("field", "value"), [("chain_id", 1), ("genesis", "0x" + "00" * 32)])
def test_wrong_chain(
    field: str, value: object, desk: Terminal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another id, or the same id and another beginning."""
    given = with_key(desk, tmp_path, "0x" + "11" * 32)
    path = tmp_path / "deployments" / "chain-31337.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    assert f"this home belongs to chain {value}: name the right node" in stopped(("status", *given), capsys)


def test_no_funds(desk: Terminal, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A key whose account holds no ether."""
    given = with_key(desk, tmp_path, "0x" + "11" * 32)
    line = stopped(("product", "add", other_product(tmp_path), *given), capsys)
    assert "holds 0 wei and needs" in line


def test_missing_role(ready: Terminal, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An account with ether and without the role."""
    keys = json.loads((ready.home / "chain" / "keys.json").read_text())["private_keys"]
    given = with_key(ready, tmp_path, keys[9])
    assert "lacks the role GUARDIAN" in stopped(("pool", "pause", *given), capsys)


def test_wrong_password(desk: Terminal, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which file it is; never the password."""
    given = with_key(desk, tmp_path, "0x" + "11" * 32)
    (tmp_path / "password").write_text("guess\n")
    line = stopped(("pool", "pause", *given), capsys)
    assert str(tmp_path / "key.json") in line
    assert "guess" not in line


def test_money_that_is_not_there(desk: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    """The account's, for a deposit; the pool's, for a reserve. In currency."""
    assert "holds 9999" in stopped(("pool", "deposit", "99999999999"), capsys)
    rows = f"BIG,{RISK},{PAYEES[0]},90000000000,0"
    line = stopped([*ISSUE, desk.file("big.csv", f"{HEADER}\n{rows}\n")], capsys)
    assert "neither reserved nor owed, and this needs 90000000000.00 TUSD" in line


def test_interrupted_command_is_quiet_and_says_130(ready: Terminal) -> None:
    """Ctrl-C while it waits for a node that never answers."""
    program = (
        "import os, signal, threading; from troth.chain import rpc; from troth.cli import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job inherits it ignored
        "rpc.Node.call = lambda *_: os.kill(os.getpid(), signal.SIGINT)\n"
        "raise SystemExit(main(['status']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=ready.environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGINT, "", "")

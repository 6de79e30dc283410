"""The boundary: what an error becomes, and what reaches the user's eyes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from troth import cli
from troth.cli import app as application
from troth.cli import main
from troth.errors import BadInput, BadSetting, NoNode, Problem, TrothError

HEAVY = ("web3", "sqlalchemy", "requests", "eth_account", "eth_abi", "structlog", "rich", "alembic")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that does not exist yet, and no settings of the machine's."""
    for name in [name for name in os.environ if name.startswith("TROTH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TROTH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Makes every command fail with `error`."""

    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr(cli, "_run", fail)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (NoNode("http://node"), 1, f"troth: {NoNode('http://node')}\n"),
        (BadSetting("TROTH_RPC", "x", "a rule"), 2, "troth: TROTH_RPC: 'x': a rule\n"),
        (
            BadInput([Problem("b.csv", 2, "risk", "", "empty"), Problem("b.csv", 3, None, None, "why")]),
            2,
            "b.csv:2: risk: '': empty\nb.csv:3: why\n",
        ),
    ],
)
def test_error_becomes_its_text_on_stderr_and_its_code(
    error: TrothError,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing on stdout, and no traceback."""
    raising(monkeypatch, error)
    assert main([]) == code
    assert capsys.readouterr() == ("", line)


def test_interruption_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C: the shell's code for it, and not a word."""
    raising(monkeypatch, KeyboardInterrupt())
    assert main([]) == 130
    assert capsys.readouterr() == ("", "")


def test_defect_becomes_one_line_and_a_traceback_in_the_log(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Type and message in one line; the log is the owner's alone, and is added to."""
    for message in ("first\nthing", "second thing"):
        raising(monkeypatch, RuntimeError(message))
        assert main(["status"]) == 1
    out, err = capsys.readouterr()
    log = home / "troth.log"
    assert out == ""
    assert err.splitlines()[0] == (
        f"troth: RuntimeError: first thing; this is a defect: please report it with the end of {log}"
    )
    assert len(err.splitlines()) == 2
    assert log.read_text().count("Traceback (most recent call last)") == 2
    assert "RuntimeError: second thing" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "arguments", [["--rpc", "https://me:key@node/v3/abc"], ["status", "--rpc=https://me:key@node/v3/abc"]]
)
def test_defect_tells_no_secret(
    arguments: list[str], home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither whole nor in the parts other libraries quote, on stderr or in the log."""
    monkeypatch.setenv("TROTH_PASSWORD", "open sesame")
    monkeypatch.setenv("TROTH_DATABASE_URL", "postgresql://u:hunter2@db/troth")
    monkeypatch.setenv("TROTH_KEK", "a5" * 32)
    said = f"https://me:key@node/v3/abc /v3/abc me:key open sesame hunter2 {'a5' * 32}"
    raising(monkeypatch, RuntimeError(said))
    assert main(arguments) == 1
    told = capsys.readouterr().err + (home / "troth.log").read_text()
    for secret in ("me:key", "/v3/abc", "sesame", "hunter2", "a5a5"):
        assert secret not in told


def test_defect_is_told_even_where_no_log_can_be_written(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file stands where the home should be."""
    home.write_text("")
    raising(monkeypatch, RuntimeError("why"))
    assert main([]) == 1
    assert (
        "RuntimeError: why; this is a defect, and its traceback could not be written"
        in capsys.readouterr().err
    )


def test_usage_errors_exit_2(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Typer's own."""
    assert main(["pool", "deposit"]) == 2
    assert main(["nonsense"]) == 2
    assert capsys.readouterr().out == ""


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """On stdout."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("troth 0.")


def test_help_imports_nothing_heavy() -> None:
    """So that it answers at once: half a second is a long time before a list of commands."""
    program = f"import sys; from troth.cli.app import command; command(); print({HEAVY} & sys.modules.keys())"
    program = program.replace(str(HEAVY), str(set(HEAVY)))
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "set()\n"


def test_reader_who_leaves_early_hears_no_complaint(home: Path) -> None:
    """`troth --help | head -0`: nothing on stderr."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "troth", "--help"], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("given", "ordered"),
    [
        (["up", "--rpc", "URL", "--token", "T"], ["--rpc", "URL", "up", "--token", "T"]),
        (["up", "--rpc=URL", "--verbose"], ["--rpc=URL", "--verbose", "up"]),
        (["claims", "show", "--", "--rpc", "x"], ["claims", "show", "--", "--rpc", "x"]),
        (["up", "--rpc"], ["up", "--rpc"]),
        (["--home", "h", "status", "--json"], ["--home", "h", "status", "--json"]),
    ],
)
def test_shared_options_may_follow_the_command(given: list[str], ordered: list[str]) -> None:
    """The parser wants them in front; what follows `--` is nobody's option."""
    assert application.globals_first(given) == ordered


def test_every_shared_option_is_in_the_table() -> None:
    """Or it would work in front of a command only."""
    declared = {
        option
        for parameter in application.command().params
        for option in parameter.opts
        if parameter.name in set(application.GLOBALS.values())
    }
    assert declared == application.GLOBALS.keys()


def test_commands_are_those_of_the_order() -> None:
    """In it, and with a line of help each."""
    commands = application.command().commands
    assert tuple(commands) == application.ORDER
    for command in commands.values():
        for one in [command, *getattr(command, "commands", {}).values()]:
            assert one.help, one.name

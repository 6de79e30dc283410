"""The exception tree: its drawing, its exit codes, its one-line texts, and the rendering of bad input."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from troth import errors
from troth.errors import BadInput, BadSetting, Problem, TrothError

ACCOUNT = "0x00000000000000000000000000000000000000aa"

EXAMPLES: list[tuple[TrothError, list[str]]] = [
    (errors.NoNode("http://127.0.0.1:8545", "refused"), ["http://127.0.0.1:8545", "(refused)", "troth up"]),
    (errors.NodeError("eth_call", "header not found", -32000), ["eth_call", "-32000", "header not found"]),
    (errors.WrongChain("http://node", 31337, 1), ["http://node", "chain 1,", "chain 31337", "--rpc"]),
    (errors.NotDeployed("PolicyBooks", ACCOUNT), ["PolicyBooks", ACCOUNT, "troth up"]),
    (errors.NoFunds(ACCOUNT, 100, 30), [ACCOUNT, "100 wei", "30 wei", "at least 70 wei"]),
    (errors.FeeAboveLimit(900, 500), ["asks 900 wei", "limit of 500", "TROTH_MAX_FEE"]),
    (errors.MissingRole("UNDERWRITER", ACCOUNT), ["UNDERWRITER", ACCOUNT, "AccessManager"]),
    (
        errors.ContractRefused("PolicyBooksClosed", {"book": 7, "root": b"\x01\xff"}),
        ["PolicyBooksClosed(book=7, root=0x01ff)"],
    ),
    (errors.TransactionFailed("0xabc", "out of gas"), ["0xabc", "out of gas", "again is safe"]),
    (errors.ReorgTooDeep(12, "0xaa", "0xbb"), ["block 12", "0xaa", "0xbb", "stop paying"]),
    (errors.PoolShort("10.00", "2.50"), ["10.00", "2.50", "troth pool deposit"]),
    (errors.PoolPaused(), ["paused", "troth pool resume", "troth owed withdraw"]),
    (errors.ConsentsPaused(), ["paused", "troth consent resume", "withdrawn"]),
    (errors.NoExit("the notice opens tomorrow"), ["no exit", "the notice opens tomorrow"]),
    (errors.NoMoney(ACCOUNT, "10.00 TUSD", "2.50 TUSD"), [ACCOUNT, "10.00 TUSD", "2.50 TUSD", "send it"]),
    (errors.OraclesShort(2, 1), ["needs 2", "and 1", "TROTH_ORACLE_KEYSTORES"]),
    (errors.RecordsAltered("book 3"), ["book 3", "nothing was sent", "backup"]),
    (errors.BatchTaken("calls", 7), ["batch 7 of stream calls", "nothing was sent", "troth stream create"]),
    (errors.NotWriter("calls", ACCOUNT), [ACCOUNT, "troth stream writer calls", "another key"]),
    (errors.WrongPassword("key.json"), ["key.json", "password"]),
    (errors.WrongKey("TROTH_KEK", "sqlite:///a.db"), ["TROTH_KEK", "sqlite:///a.db", "nothing was changed"]),
    (errors.Busy("/srv/troth", is_home=True), ["/srv/troth", "until it is done, or", "TROTH_HOME"]),
    (errors.NodeInconsistent("block 7 has two hashes"), ["block 7 has two hashes", "--rpc"]),
    (errors.DatabaseFailed("sqlite:///a.db", "disk full"), ["sqlite:///a.db", "disk full", "run again"]),
    (errors.DatabaseTooNew("sqlite:///a.db", "0009", "0001"), ["sqlite:///a.db", "0009", "0001", "version"]),
    (BadSetting("TROTH_BATCH", "many", "a whole number"), ["TROTH_BATCH: 'many': a whole number"]),
    (BadInput([Problem("b.csv", 2, "risk", "", "empty")]), ["b.csv:2: risk: '': empty"]),
]


def problem(line: int) -> Problem:
    """Some problem on `line`."""
    return Problem("book.csv", line, "premium", "-1", "no signs")


def classes() -> set[type[TrothError]]:
    """Every class of the tree but its root."""
    return {
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, TrothError) and value is not TrothError
    }


def test_drawing_names_every_class_and_its_exit_code() -> None:
    """The tree in the module's docstring is the tree of the code."""
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    assert sorted(drawn) == sorted(kind.__name__ for kind in classes())
    code_two = re.findall(r"── (\w+) +exit 2", errors.__doc__ or "")
    assert sorted(code_two) == sorted(kind.__name__ for kind in classes() if kind.exit_code == 2)
    assert {kind.exit_code for kind in classes()} == {1, 2}
    assert TrothError.exit_code == 1


def test_exports_are_the_tree_and_problem() -> None:
    """`__all__` holds every class, and nothing else."""
    assert sorted(errors.__all__) == sorted([kind.__name__ for kind in classes()] + ["Problem", "TrothError"])


def test_examples_cover_every_class() -> None:
    """No error goes without a test of its text."""
    assert {type(error) for error, _ in EXAMPLES} == classes()


@pytest.mark.parametrize(("error", "parts"), EXAMPLES, ids=lambda value: type(value).__name__)
def test_text_is_one_line_with_place_value_and_advice(error: TrothError, parts: list[str]) -> None:
    """Each text names what it was given, on one line."""
    assert "\n" not in str(error)
    for part in parts:
        assert part in str(error)


@pytest.mark.parametrize("error", [error for error, _ in EXAMPLES], ids=lambda error: type(error).__name__)
def test_error_survives_pickling(error: TrothError) -> None:
    """A worker process can hand an error to its parent unchanged."""
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_contracts_words_cannot_drive_a_terminal() -> None:
    """A text in a contract's error is the contract's, which may be anybody's."""
    assert str(errors.ContractRefused("Odd", {"why": "a\x1b[2J\nb"})).endswith("Odd(why=a�[2J�b)")


def test_node_texts_leave_out_what_is_not_known() -> None:
    """Without a detail or a code there are no empty brackets and no None."""
    assert "(" not in str(errors.NoNode("http://node"))
    assert "None" not in str(errors.NodeError("eth_call", "no"))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (Problem("b.csv", 3, "risk", "UA 1", "why"), "b.csv:3: risk: 'UA 1': why"),
        (Problem("b.csv", 3, None, None, "why"), "b.csv:3: why"),
        (Problem("b.csv", None, None, None, "why"), "b.csv: why"),
        (Problem("--product", None, None, "storm", "why"), "--product: 'storm': why"),
        (Problem("b.csv", 3, "risk", "", "why"), "b.csv:3: risk: '': why"),
        (Problem("b.csv", 3, "risk", "a\n\x1b[31m\udcff", "why"), r"b.csv:3: risk: 'a\n\x1b[31m\udcff': why"),
        (Problem("a\x1b\n", 3, "b\x9d", "c", "d\u2028e"), "a��:3: b�: 'c': d�e"),
        (Problem("b.csv", 3, "risk", "é" * 64, "why"), f"b.csv:3: risk: '{'é' * 64}': why"),
        (Problem("b.csv", 3, "risk", "é" * 65, "why"), f"b.csv:3: risk: '{'é' * 64}'…: why"),
    ],
)
def test_problem_renders_place_value_and_reason(given: Problem, text: str) -> None:
    """What is missing leaves no trace, what cannot be printed is escaped or replaced, what is long is cut."""
    assert str(given) == text


def test_busy_names_another_way_of_a_home_only() -> None:
    """Another home would not hold the queue of a database."""
    said = str(errors.Busy("intake-1 in the database sqlite:///a.db"))
    assert said == (
        "another process is at work on intake-1 in the database sqlite:///a.db: wait until it is done"
    )


def test_bad_input_shows_twenty_problems() -> None:
    """Twenty fit, and no count follows."""
    assert str(BadInput(map(problem, range(1, 21)))).splitlines() == [str(problem(n)) for n in range(1, 21)]


def test_bad_input_counts_what_it_does_not_show() -> None:
    """Beyond twenty there is a count, and the error still holds them all."""
    error = BadInput(map(problem, range(1, 24)))
    assert str(error).splitlines() == [*(str(problem(n)) for n in range(1, 21)), "... and 3 more"]
    assert len(error.problems) == 23

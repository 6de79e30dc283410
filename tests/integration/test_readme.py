"""The documents say what is so: their commands are run, and every name and path in them is looked up."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from troth.chain.artifacts import shipped
from troth.cli.app import GLOBALS, command
from troth.config import Settings
from troth.store import schema

ROOT = Path(__file__).resolve().parent.parent.parent
README, OPERATIONS = ROOT / "README.md", ROOT / "docs" / "operations.md"
SPECIFICATION = ROOT / "docs" / "specification.md"
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
SUITE = (
    *("ProductRegister", "OracleReports", "PolicyBooks", "CapitalPool"),
    *("Subjects", "ConsentRegistry", "Streams"),
)
INHERITED = {
    *("Approval", "Transfer", "AuthorityUpdated", "EIP712DomainChanged", "Paused", "Unpaused"),
}
"""Events of OpenZeppelin's that the specification leaves to OpenZeppelin."""
MADE = (".venv", ".troth", "node_modules", "deployments/", "chain/")
"""Paths that commands make: nothing of them is in a fresh checkout."""

TROTH = command()

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)


# --- what documents are made of


def blocks(path: Path, language: str, heading: str | None = None) -> list[str]:
    """The code blocks of a language, in the whole document or below one heading."""
    text = path.read_text(encoding="utf-8")
    if heading is not None:
        text = re.split(r"^#", text.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
        if language == "sh":  # comments in a shell begin like headings
            text = path.read_text(encoding="utf-8").partition(f"# {heading}\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def snippets(path: Path) -> list[str]:
    """What stands between backticks outside of code blocks."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", text)


def troth_calls(path: Path) -> list[list[str]]:
    """The words after `troth`, of every command line of ours in the document."""
    shell = "\n".join(blocks(path, "sh")).splitlines()
    lines = [line for line in shell if not line.startswith("#")] + snippets(path)
    found = []
    for line in lines:
        words = shlex.split(line, comments=True) if "`" not in line and "'" not in line else []
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words.pop(0)
        if words and words[0].rpartition("/")[2] == "troth" and len(words) > 1:
            found.append(words[1:])
    return found


def resolve(words: list[str]) -> Any:
    """The command that `words` call. Fails where there is none, or none with such an option."""
    at: Any = TROTH
    known = {*GLOBALS, "--verbose", "--version", "--help"}
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-"):
            name = word.partition("=")[0]
            assert name in known | options_of(at), f"troth {' '.join(words)}: no option {name}"
            skip = name in GLOBALS
        elif hasattr(at, "commands"):
            assert word in at.commands, f"troth {' '.join(words)}: no command {word}"
            at = at.commands[word]
    return at


def options_of(one: Any) -> set[str]:
    """The options of a command."""
    return {name for parameter in one.params for name in parameter.opts if name.startswith("-")}


def leaves(one: Any, *words: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its words."""
    for name, inner in getattr(one, "commands", {}).items():
        yield from leaves(inner, *words, name)
    if not hasattr(one, "commands"):
        yield " ".join(words), one


# --- a new user's shell


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder with what set-up and the checkout put there; its chains are stopped in the end."""
    made = tmp_path_factory.mktemp("checkout")
    for name in ("examples", "toolchain", ".venv", "node_modules"):
        if (ROOT / name).exists():
            (made / name).symlink_to(ROOT / name)
    yield made
    for home in (made / ".troth").glob("*"):
        run(made, f"troth --home {home} down")


def run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """A script in a shell that stops at the first failure, without the settings of whoever runs the tests."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TROTH_")}
    path = f"{Path(sys.executable).parent}:{clean.get('PATH', os.defpath)}"
    return subprocess.run(
        ["sh", "-ec", script],
        cwd=folder,
        env={**clean, "PATH": path},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def steps(block: str) -> list[tuple[str, list[str]]]:
    """Each command of a block, with the lines of output shown below it."""
    found: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("# "):
            found[-1][1].append(line[2:])
        elif line.strip():
            found.append((line, []))
    return found


def as_pattern(line: str) -> str:
    """A line of output with … standing for what differs from day to day."""
    return ".*".join(re.escape(part) for part in line.split("…"))


# --- run


@pytest.fixture(scope="module")
def walked(folder: Path) -> Path:
    """The folder after the walk by hand: every command succeeds and prints what is shown."""
    (block,) = blocks(README, "sh", "Five minutes by hand")
    shown = steps(block)
    mark = "--- next ---"
    done = run(folder, "\n".join(f"{line}\necho '{mark}'" for line, _ in shown))
    assert done.returncode == 0, done.stdout + done.stderr
    printed = done.stdout.split(f"{mark}\n")
    for (line, expected), output in zip(shown, printed, strict=False):
        for text in expected:
            assert re.search(rf"^{as_pattern(text)}$", output, re.MULTILINE), f"{line}\n{text}\n---\n{output}"
    assert run(folder, "troth --home .troth/walk up").returncode == 0  # for the tests that go on from here
    return folder


def test_walk_by_hand_prints_what_it_shows(walked: Path) -> None:
    """From `troth up` to `troth down`; its home is where it says."""
    assert (walked / ".troth" / "walk" / "troth.db").is_file()


def test_roles_are_handed_over_and_index_rebuilt_as_shown(walked: Path) -> None:
    """The Python of the operations document, on the home of the walk: afterwards everything adds up."""
    handing_over, emptying = blocks(OPERATIONS, "python")
    (walked / "hand_over.py").write_text(handing_over, encoding="utf-8")
    (walked / "empty.py").write_text(emptying, encoding="utf-8")
    script = """
        export TROTH_HOME=.troth/walk
        python hand_over.py
        ! troth pool pause
        python empty.py
        troth reconcile
    """
    done = run(walked, script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lacks the role GUARDIAN" in done.stderr
    assert re.search(r"^differences +none$", done.stdout, re.MULTILINE)


def test_key_file_is_made_as_shown(folder: Path) -> None:
    """The snippet, with a password where it would ask for one, makes a file that opens."""
    (snippet, *_) = blocks(OPERATIONS, "sh")
    given = snippet.replace("getpass.getpass()", '"secret"').replace("operator.json", "key.json")
    done = run(folder, given)
    assert done.returncode == 0, done.stderr
    content = json.loads((folder / "key.json").read_text())
    assert content["version"] == 3
    assert content["address"].lower() == done.stdout.strip()[2:].lower()


def test_demo_prints_what_is_shown(folder: Path) -> None:
    """A small one: the same lines with other numbers, and its flights the very same."""
    shown = blocks(README, "text", "What you see")[0]
    done = run(folder, ". toolchain/activate && troth demo --policies 400")
    assert done.returncode == 0, done.stderr
    assert shape(done.stdout) == shape(shown)
    assert done.stdout.splitlines()[:2] == shown.splitlines()[:2]


def shape(output: str) -> list[str]:
    """Lines with their numbers, places and widths taken out."""
    known = re.sub(r"TROTH_HOME=\S+ \S+", "TROTH_HOME= troth", output)
    known = re.sub(r"files are in \S+", "files are in", known)
    return [re.sub(r"\d[\d,.]*\d|\d", "N", " ".join(line.split())) for line in known.strip().splitlines()]


def test_bad_input_prints_what_is_shown(walked: Path) -> None:
    """The three lines of the README, of a file that has these three faults."""
    shown = blocks(README, "text", "Files")[0]
    (walked / "book.csv").write_text(
        "policy_ref,risk,payee,sum_insured,premium\n"
        "A-1,EWR,0x1f254edfff69ce4f488781fede32f061c1e54bc7,-5,1\n"
        "A-1,EWR,0x1f25,10,1\n",
        encoding="utf-8",
    )
    done = run(walked, 'troth --home .troth/walk book issue --product "flight delay" book.csv')
    assert (done.returncode, done.stdout) == (2, "")
    assert shown in done.stderr


# --- looked up


def test_readme_begins_with_two_commands() -> None:
    """By line 30, and both are targets of the Makefile."""
    top = "\n".join(README.read_text(encoding="utf-8").splitlines()[:30])
    assert re.findall(r"^make (\w+)", top, re.MULTILINE) == ["demo", "test"]


@each_document
def test_commands_named_exist(path: Path) -> None:
    """With their options."""
    for words in troth_calls(path):
        resolve(words)


def test_every_command_is_named_in_readme() -> None:
    """In the walk, the table of roles, or elsewhere; nothing is left for the reader to find by chance."""
    named = {id(resolve(words)) for words in [*troth_calls(README), *troth_calls(OPERATIONS)]}
    missing = [words for words, one in leaves(TROTH) if id(one) not in named]
    assert not missing


@each_document
def test_options_named_exist(path: Path) -> None:
    """Those that stand alone belong to some command of ours."""
    ours = {name for _, one in leaves(TROTH) for name in options_of(one)} | {*GLOBALS, "--help"}
    named = {snippet.split()[0] for snippet in snippets(path) if snippet.startswith("--")}
    assert named <= ours


@each_document
def test_make_targets_named_exist(path: Path) -> None:
    """`make something`, in text and in code."""
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    code = snippets(path) + "\n".join(blocks(path, "sh")).splitlines()
    named = {line.split()[1] for line in code if re.match(r"make \w", line)}
    assert named <= targets


@each_document
def test_links_lead_somewhere(path: Path) -> None:
    """To a file, and to a heading in it where one is named. Links to the web are not followed."""
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        leads_to = (path.parent / file).resolve() if file else path
        assert leads_to.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", leads_to.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}


@each_document
def test_paths_named_exist(path: Path) -> None:
    """Whatever looks like a path, from the root."""
    for snippet in snippets(path):
        if not re.fullmatch(r"[\w.-]+(/[\w.*-]*)+|[\w-]+\.(py|md|toml|in|txt|sol)", snippet):
            continue
        if snippet.startswith(MADE) or "…" in snippet:
            continue
        assert list(ROOT.glob(snippet.rstrip("/"))), snippet


def test_source_map_covers_the_checkout() -> None:
    """Every folder of the root and of the package is in the map, but for those that set-up makes."""
    (section,) = re.findall(
        r"^## What is where\n(.*?)^## ", README.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    made = {"node_modules", "build", "reports", "interfaces", "deployments", "troth.egg-info"}
    folders = [one for one in [*ROOT.iterdir(), *(ROOT / "troth").iterdir()] if one.is_dir()]
    wanted = {
        f"{one.relative_to(ROOT)}/" for one in folders if one.name not in made and one.name[0] not in "._"
    }
    assert not [folder for folder in sorted(wanted) if folder not in section]


def test_examples_shown_are_the_files() -> None:
    """Product whole but for its comment, tables as far as they are shown."""
    (toml,) = blocks(README, "toml")
    product = (ROOT / "examples" / "product.toml").read_text(encoding="utf-8")
    assert product.partition("\n")[2] == toml
    for shown, name in zip(
        blocks(README, "csv"), ("book.csv", "observations.csv", "consents.csv"), strict=True
    ):
        assert (ROOT / "examples" / name).read_text(encoding="utf-8").startswith(shown)


def test_tests_cited_exist_and_carry_their_number() -> None:
    """Each invariant of the specification cites tests, and all but the reconciliation's carry its number."""
    defined = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        defined |= set(re.findall(r"def (test_\w+)", file.read_text(encoding="utf-8")))
    parts = re.split(r"^\*\*([CKN]\d) ", SPECIFICATION.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    cited = {
        number: re.findall(r"`(test_\w+)`", text)
        for number, text in zip(parts[::2], parts[1::2], strict=True)
    }
    assert list(cited) == [
        *(f"C{n}" for n in range(1, 9)),
        *(f"K{n}" for n in range(1, 7)),
        *(f"N{n}" for n in range(1, 5)),
    ]
    for number, names in cited.items():
        assert set(names) <= defined
        assert [name for name in names if f"_{number.lower()}" in name]
        others = [name for name in names if f"_{number.lower()}" not in name]
        assert not others or number == "C7"


@each_document
def test_contract_names_exist(path: Path) -> None:
    """Errors, events, functions and contracts named by their own names are in the ABIs."""
    known = set(shipped())
    for artifact in shipped().values():
        content = (ROOT / "troth" / "artifacts" / f"{artifact.name}.json").read_text(encoding="utf-8")
        known |= {item["name"] for item in json.loads(content)["abi"] if "name" in item}
    prefixes = "|".join((*SUITE, "Multiproof", "AccessManager"))
    for snippet in snippets(path):
        if re.fullmatch(rf"(?:{prefixes})[A-Z]\w+", snippet):
            assert snippet in known, snippet
        if found := re.fullmatch(rf"(?:{prefixes})\.(\w+)(\(.*\))?", snippet):
            assert found[1] in known, snippet


def test_events_are_all_in_the_specification() -> None:
    """Each of a contract's own, and none that is not."""
    rows = re.findall(r"^\| (\w+) \| (`.+?`) \|", SPECIFICATION.read_text(encoding="utf-8"), re.MULTILINE)
    named = {
        (contract, name)
        for contract, cell in rows
        for name in re.findall(r"`(\w+)`", cell)
        if contract in SUITE
    }
    declared = set()
    for contract in SUITE:
        content = json.loads((ROOT / "troth" / "artifacts" / f"{contract}.json").read_text(encoding="utf-8"))
        declared |= {(contract, item["name"]) for item in content["abi"] if item["type"] == "event"}
    assert named == {pair for pair in declared if pair[1] not in INHERITED}


def test_settings_are_all_in_the_table() -> None:
    """Every variable, with the option that gives it too."""
    rows = re.findall(
        r"^\| `(TROTH_\w+)` \| (?:`(--[\w-]+)`)? ?\|", OPERATIONS.read_text("utf-8"), re.MULTILINE
    )
    expected = {f"TROTH_{name.upper()}": "" for name in Settings.__dataclass_fields__}
    expected |= {f"TROTH_{field.upper()}": option for option, field in GLOBALS.items()}
    assert dict(rows) == expected


def test_tables_to_back_up_are_all_named() -> None:
    """What exists nowhere else, and what the chain gives back, are all the tables there are."""
    section = OPERATIONS.read_text(encoding="utf-8").partition("\n## Backup\n")[2]
    ours, rebuilt = re.findall(r"^(`\w+`(?: `\w+`)+)$", section, re.MULTILINE)
    index = {table.name for table in (*schema.EVENTS, schema.blocks, schema.chain)}
    assert set(re.findall(r"\w+", rebuilt)) == index
    assert set(re.findall(r"\w+", ours)) == set(schema.metadata.tables) - index


def test_messages_quoted_are_the_packages() -> None:
    """What operations are told to look for is what the package says."""
    source = "\n".join(file.read_text(encoding="utf-8") for file in sorted((ROOT / "troth").rglob("*.py")))
    source = re.sub(r'"\s*\n\s*f?"', "", source)
    section = OPERATIONS.read_text(encoding="utf-8").partition("\n## When something stops it\n")[2]
    quoted = re.findall(r"^\| `([^`]+)` \|", section.partition("\n**")[0], re.MULTILINE)
    assert len(quoted) > 10
    for message in quoted:
        for part in message.split("…"):
            assert part.strip() in source, message

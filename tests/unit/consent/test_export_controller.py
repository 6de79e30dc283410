"""The controller's file.

├── every key: read, jurisdictions as IRIs · the optional ones left out: none
├── a key missing, unknown, of another kind, or breaking its rule: refused, each with its place
├── no TOML, no text, no file: refused
└── the regulation map's example is one, and the map names every field that a receipt has
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from troth.consent.controller import Controller, read_controller
from troth.errors import BadInput

LOC = "https://w3id.org/dpv/loc#"
LINES = {
    "name": '"Acme SE"',
    "address": '"Weg 1, 10115 Berlin"',
    "contact": '"privacy@acme.example"',
    "language": '"de"',
    "storage_locations": '["DE", "loc:IE"]',
    "retention_period": '"P5Y"',
    "withdrawal": '"https://acme.example/no"',
}


def written(path: Path, lines: dict[str, str]) -> Path:
    """A file of these lines."""
    path.write_text("".join(f"{key} = {value}\n" for key, value in lines.items()), encoding="utf-8")
    return path


def test_read_controller_reads_what_is_required(tmp_path: Path) -> None:
    """Jurisdictions by the names that decisions have."""
    found = read_controller(written(tmp_path / "controller.toml", LINES))
    assert found == Controller(
        "Acme SE",
        "Weg 1, 10115 Berlin",
        "privacy@acme.example",
        "de",
        (f"{LOC}DE", f"{LOC}IE"),
        "P5Y",
        "https://acme.example/no",
    )
    assert (found.jurisdiction, found.rights) == (None, None)


def test_read_controller_reads_what_is_optional(tmp_path: Path) -> None:
    """And all shapes of language and duration; a byte order mark is no matter."""
    more = {"jurisdiction": '"US-NY"', "rights": '"https://acme.example/rights"', "language": '"en-US"'}
    path = written(tmp_path / "controller.toml", {**LINES, **more, "retention_period": '"P1Y2M3W4DT5H6M7S"'})
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    found = read_controller(path)
    assert (found.jurisdiction, found.rights) == (f"{LOC}US-NY", "https://acme.example/rights")
    assert (found.language, found.retention_period) == ("en-US", "P1Y2M3W4DT5H6M7S")


@pytest.mark.parametrize("key", LINES)
def test_read_controller_refuses_a_file_without_a_key(tmp_path: Path, key: str) -> None:
    """By its name."""
    path = written(tmp_path / "c.toml", {name: value for name, value in LINES.items() if name != key})
    with pytest.raises(BadInput) as refused:
        read_controller(path)
    assert str(refused.value) == f"{path}: {key}: missing"


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("nmae", '"x"', "unknown key: a controller has name, address"),
        ("name", "1", "not text: put it in quotes"),
        ("name", '""', "write 1 to 500 characters"),
        ("name", '" "', "write 1 to 500 characters"),
        ("name", '"' + "x" * 501 + '"', "write 1 to 500 characters"),
        ("address", '"Weg 1\\nBerlin"', "holds line breaks or control characters"),
        ("language", '"German!"', "no language tag"),
        ("retention_period", '"5 years"', "no duration"),
        ("retention_period", '"P"', "no duration"),
        ("retention_period", '"P1YT"', "no duration"),
        ("storage_locations", '"DE"', "not a list"),
        ("storage_locations", "[]", "not a list"),
        ("storage_locations", '["XX"]', "unknown jurisdiction"),
        ("storage_locations", "[1]", "not text"),
        ("withdrawal", '"acme.example"', "no absolute IRI"),
        ("jurisdiction", '"*"', "unknown jurisdiction"),
        ("rights", '"x y"', "no blanks"),
    ],
)
def test_read_controller_refuses_what_breaks_a_rule(
    tmp_path: Path, key: str, value: str, reason: str
) -> None:
    """With file, key and rule."""
    path = written(tmp_path / "c.toml", {**LINES, key: value})
    with pytest.raises(BadInput) as refused:
        read_controller(path)
    assert str(refused.value).startswith(f"{path}: {key}: ")
    assert reason in str(refused.value)


def test_read_controller_tells_every_problem(tmp_path: Path) -> None:
    """At once."""
    path = written(tmp_path / "c.toml", {"name": "1", "other": "2"})
    with pytest.raises(BadInput) as refused:
        read_controller(path)
    assert [problem.column for problem in refused.value.problems] == ["other", *LINES]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"name =", "not toml"),
        (b"\xff", "utf-8"),
        (b"a = " + b"[" * 10_000, "not toml"),
        (None, "no such file"),
    ],
)
def test_read_controller_refuses_what_it_cannot_read(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    """One line that names the file."""
    path = tmp_path / "c.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput) as refused:
        read_controller(path)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{path}: ")
    assert reason in line.lower()


MAP = (Path(__file__).parents[3] / "docs" / "regulation.md").read_text(encoding="utf-8")


def test_the_regulation_maps_example_is_a_controller(tmp_path: Path) -> None:
    """With every key there is."""
    (example,) = re.findall(r"```toml\n(.*?)```", MAP, re.DOTALL)
    path = tmp_path / "controller.toml"
    path.write_text(example, encoding="utf-8")
    assert None not in vars(read_controller(path)).values()


def properties(schema: Any) -> set[str]:
    """The names of all properties in a JSON Schema."""
    if isinstance(schema, list):
        return {name for one in schema for name in properties(one)}
    if not isinstance(schema, dict):
        return set()
    return set(schema.get("properties", ())) | {name for one in schema.values() for name in properties(one)}


def test_the_regulation_map_names_every_field_of_a_receipt() -> None:
    """Those of the standard and those beyond it, but for what only holds them together."""
    schema = json.loads((files("troth.consent") / "receipt.schema.json").read_text(encoding="utf-8"))
    fields = properties(schema) - {"@context", "@graph", "id", "type", "event_id", "number", "created"}
    fields -= {"consent_records", "event", "pii_principal", "pii_processing", "party_identification"}
    fields -= {"title", "sha256", "location", "duration", "exercised_at", "customer_reference", "erased_time"}
    fields -= {"until_time", "until_event", "happened_time", "honoured_by", "honoured_time"}
    assert len(fields) > 25
    assert {name for name in fields if f"`{name}`" not in MAP} == set()

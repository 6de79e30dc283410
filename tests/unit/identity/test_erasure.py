"""Erasing a subject: what is readable goes, for good, and the chain says so.

erase: key, reference, evidence, rows of imports go · wallets are unbound · recorded, once · others stay
├── in no file of the database any more, whether its pages were split or not
├── wallets in blocks too new for the index
├── no role, or nobody's id: refused, nothing destroyed
├── killed after any step: the same command finishes it, by reference too, and the chain is told once
├── by somebody else on the chain, or from a backup: destroyed here, found there
├── again: found
└── somebody reads on: refused, and finished later
what remains: told
"""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select
from support.chain import misses
from support.defaults import DAY, START
from support.office import Desk, desk_of
from support.suite import Actor, Suite, emitted

from troth.consent.terms import purpose_iri
from troth.errors import BadInput, DatabaseFailed
from troth.identity import erasure, evidence, subjects, verifications
from troth.identity.erasure import erase
from troth.identity.evidence import Content
from troth.identity.verifications import Level
from troth.identity.wallets import bind, request
from troth.office import Office
from troth.store import Store, schema
from troth.store import subjects as table
from troth.store.subjects import SubjectRow, add_subjects, destroy, find_subject, forget_reference, overwrite

NAME = "Zoë Müller K-4711"


class Killed(BaseException):
    """Stands for kill -9: nothing in the product catches it."""


def customer_of(office: Office, wallet: Actor, ref: str = NAME) -> bytes:
    """Somebody with a wallet, a verification and evidence."""
    subject = subjects.new(office, ref).subject
    typed = request(office, subject, wallet.address)
    members = {"Bind": [(one["name"], one["type"]) for one in typed["types"]["Bind"]]}
    bind(office, subject, typed, wallet.signer.sign_typed(typed["domain"], members, typed["message"]))
    verifications.verify(office, subject, Level.HIGH, content=Content(b"passport of Zoe", "zoe.jpg"))
    return subject


@pytest.fixture
def subject(office: Office, customer: Actor) -> bytes:
    """Such a customer."""
    return customer_of(office, customer)


def row_of(office: Office, subject: bytes) -> SubjectRow:
    """What the database has of a subject."""
    with office.store.reading() as connection:
        found = find_subject(connection, subject)
    assert found is not None
    return found


def files(desk: Desk) -> bytes:
    """All of the database, byte by byte."""
    return b"".join(one.read_bytes() for one in sorted(desk.home.glob("troth.db*")))


def sent(desk: Desk) -> int:
    """How many transactions the desk's account ever sent."""
    return int(desk.suite.node.call("eth_getTransactionCount", [desk.who.address, "latest"]), 16)


# --- what goes


def test_erased_subject_is_destroyed_here_and_recorded_there(
    desk: Desk, suite: Suite, customer: Actor, subject: bytes
) -> None:
    """Key, reference and evidence; the wallet is unbound; nothing is permitted any more."""
    office = desk.office
    before = row_of(office, subject)
    (word,) = (one.evidence for one in evidence.contents(office, subject))
    done = erase(office, subject)
    assert row_of(office, subject)[:4] == (subject, None, None, None)
    assert suite.subjects.call("erasedAt", subject) == START
    assert not any(suite.subjects.call("subjectOf", customer.address))
    assert not suite.subjects.call("isVerified", subject, 1)
    assert (done.already, done.unbound, done.erased_at) == (False, (customer.address,), office.now())
    shown = subjects.show(office, subject)
    assert (shown.ref, shown.erased_at, shown.erasure, shown.is_emptied) == (
        None,
        office.now(),
        done.transaction,
        True,
    )
    found = evidence.find(office, word)
    assert found is not None and found.content is None
    with pytest.raises(BadInput, match="no subject has this customer reference"):
        subjects.resolve(office, NAME)
    assert before.sealed_key is not None and before.ref_digest is not None
    content = files(desk)
    for trace in (before.sealed_key, before.sealed_ref, before.ref_digest):
        assert trace is not None and trace[:12] not in content and trace[-16:] not in content


def test_others_stay_as_they_were(office: Office, customers: tuple[Actor, ...], subject: bytes) -> None:
    """Their references, evidence and wallets; the reference is free for somebody new."""
    other = customer_of(office, customers[1], "C-2")
    before, contents = row_of(office, other), evidence.contents(office, other)
    erase(office, subject)
    assert (row_of(office, other), evidence.contents(office, other)) == (before, contents)
    assert subjects.resolve(office, "C-2") == other
    assert subjects.new(office, NAME).subject != subject


def test_rows_of_imports_go_and_those_of_others_stay(office: Office, subject: bytes) -> None:
    """They say in which row of which file the subject was."""
    rows = [
        (1, place, who, bytes(32), secrets.token_bytes(32)) for place, who in enumerate((subject, b"x" * 32))
    ]
    with office.store.writing() as connection:
        file = {"key": 1, "source": bytes(32), "name": "a.csv", "rows": 2, "drafted_at": 0}
        connection.execute(insert(schema.imports).values(file))
        for row in rows:
            connection.execute(insert(schema.import_rows).values(row))
    erase(office, subject)
    with office.store.reading() as connection:
        assert [tuple(row) for row in connection.execute(select(schema.import_rows))] == [rows[1]]


def test_nothing_of_many_subjects_is_left_in_split_pages(tmp_path: Path) -> None:
    """SQLite copies rows as it splits pages, and the copies outlive the rows: `overwrite` finds them."""
    path = tmp_path / "troth.db"
    with Store.open(f"sqlite:///{path}") as store:
        rows = [
            SubjectRow(secrets.token_bytes(32), secrets.token_bytes(60), secrets.token_bytes(32),
                       secrets.token_bytes(40), 0)
            for _ in range(6_000)
        ]  # fmt: skip
        for start in range(0, len(rows), 300):
            with store.writing() as connection:
                add_subjects(connection, rows[start : start + 300])
        with store.writing() as connection:
            gone = rows[::10]
            traces = [trace for row in gone for trace in destroy(connection, row.subject, 1)]
            traces += [trace for row in gone for trace in forget_reference(connection, row.subject)]
        assert len(traces) == 3 * len(gone)
        overwrite(store, traces[:3])
        overwrite(store, None)
        assert (tmp_path / "troth.db-wal").stat().st_size == 0
        content = path.read_bytes()
    assert [trace for trace in traces if trace[:12] in content or trace[-16:] in content] == []


def test_copy_in_an_unused_part_of_a_page_is_found(tmp_path: Path) -> None:
    """And the whole database written anew for it; without one, it is left as it is."""
    path, trace = tmp_path / "troth.db", secrets.token_bytes(60)
    with Store.open(f"sqlite:///{path}") as store:
        with store.writing() as connection:
            add_subjects(connection, [SubjectRow(bytes(32), trace, None, None, 0)])
        overwrite(store, [secrets.token_bytes(60)])
        with closing(sqlite3.connect(path, isolation_level=None)) as driver:
            driver.execute("PRAGMA secure_delete = OFF")
            driver.execute("DELETE FROM subjects")
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert trace in path.read_bytes()
        overwrite(store, [trace])
        assert trace[:16] not in path.read_bytes()


def test_wallet_in_a_block_too_new_for_the_index_is_unbound(
    desk: Desk, suite: Suite, customers: tuple[Actor, ...], subject: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With confirmations the index lags; one that was bound and unbound there is passed over."""
    desk.office.sync()
    ann, ben, cal = customers[:3]
    with monkeypatch.context() as patch:
        patch.setattr(desk.office, "sync", lambda: None)
        for wallet in (ben, cal):
            typed = request(desk.office, subject, wallet.address)
            members = {"Bind": [(one["name"], one["type"]) for one in typed["types"]["Bind"]]}
            signature = wallet.signer.sign_typed(typed["domain"], members, typed["message"])
            bind(desk.office, subject, typed, signature)
        cal.send(suite.subjects, "unbind", cal.address)
        done = erase(desk.office, subject)
    assert done.unbound == tuple(sorted([ann.address, ben.address]))
    assert not any(suite.subjects.call("subjectOf", ben.address))


# --- refused


@pytest.mark.parametrize("who", ["operator", "compliance", "stranger"])
def test_erasing_takes_every_role_it_needs(
    desk: Desk, suite: Suite, tmp_path: Path, subject: bytes, who: str
) -> None:
    """Compliance erases, an operator unbinds: who lacks either is refused before anything is destroyed."""
    before = row_of(desk.office, subject)
    office = desk.office
    office.sender = suite[who].sender
    with pytest.raises(Exception, match=r"SubjectsNotAllowed|COMPLIANCE"):
        erase(office, subject)
    assert row_of(office, subject) == before
    assert subjects.resolve(office, NAME) == subject
    assert suite.subjects.call("erasedAt", subject) == 0


def test_role_of_compliance_suffices_for_whom_has_no_wallet(suite: Suite, tmp_path: Path) -> None:
    """Unbinding is an operator's."""
    with desk_of(suite, tmp_path / "compliance", "compliance") as desk:
        plain = subjects.new(desk.office, "C-9").subject
        assert erase(desk.office, plain).unbound == ()
    with desk_of(suite, tmp_path / "operator", "operator") as desk:
        plain = subjects.new(desk.office, "C-9").subject
        with misses("COMPLIANCE", suite["operator"].address):
            erase(desk.office, plain)
        assert subjects.reference_of(desk.office, plain) == "C-9"


def test_mistyped_id_is_refused(desk: Desk, suite: Suite) -> None:
    """An erasure cannot be taken back, of nobody either."""
    before = sent(desk)
    with pytest.raises(BadInput, match=f"neither this database nor the chain knows 0x{'12' * 32}"):
        erase(desk.office, b"\x12" * 32)
    assert sent(desk) == before


def test_reader_of_what_was_there_is_told_of(
    office: Office, subject: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody reads the old data it cannot be overwritten: an error, and the next run finishes it."""
    monkeypatch.setattr(table, "_PATIENCE", 0.1)
    reader = Store.open(office.settings.database_url)
    with reader, reader.reading() as connection:
        connection.execute(select(schema.subjects)).all()
        with pytest.raises(DatabaseFailed, match="not overwritten yet"):
            erase(office, subject)
    assert erase(office, subject).already is False


def test_part_of_a_copy_counts_as_one(tmp_path: Path) -> None:
    """Its beginning or its end: the rest may have been written over."""
    trace, path = secrets.token_bytes(60), tmp_path / "file"
    for content, is_there in ((trace[:16], True), (trace[-16:], True), (trace[16:-16], False)):
        path.write_bytes(b"x" * 100 + content + b"y" * 100)
        assert table._is_any_in(path, [bytes(60), trace]) is is_there


# --- killed, repeated, restored

STEPS = (
    ("troth.identity.erasure.table", "destroy"),
    ("troth.identity.erasure.table", "overwrite"),
    ("troth.identity.erasure", "_record"),
    ("troth.identity.erasure.table", "forget_reference"),
    ("troth.identity.erasure", "_remains"),
)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("module", "step"), STEPS, ids=[step for _, step in STEPS])
def test_killed_erasure_is_finished_by_the_same_command(
    desk: Desk,
    suite: Suite,
    *,
    subject: bytes,
    module: str,
    step: str,
    when: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before or after each step, and by reference as long as the chain does not know; recorded once."""
    office = desk.office
    before = row_of(office, subject)
    target = table if module.endswith("table") else erasure
    real = getattr(target, step)

    def killed(*arguments: Any, **named: Any) -> None:
        if when == "after":
            real(*arguments, **named)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(target, step, killed)
        with pytest.raises(Killed):
            erase(office, subject)
    is_done = row_of(office, subject).ref_digest is None
    assert subjects.resolve(office, f"0x{subject.hex()}" if is_done else NAME) == subject
    erase(office, subject)
    assert row_of(office, subject)[:4] == (subject, None, None, None)
    office.sync()
    with office.store.reading() as connection:
        times = connection.execute(select(func.count()).select_from(schema.erasures)).scalar_one()
    assert times == 1
    content = files(desk)
    assert before.sealed_key is not None and before.ref_digest is not None
    assert before.sealed_key[:12] not in content
    assert before.ref_digest[:16] not in content


def test_run_after_a_killed_one_writes_the_database_anew(
    office: Office, subject: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not know any more what the other one destroyed and may not have overwritten."""
    given: list[Any] = []

    def killed(_store: Store, traces: Any) -> None:
        given.append(traces)
        raise Killed

    monkeypatch.setattr(table, "overwrite", killed)
    for _ in range(2):
        with pytest.raises(Killed):
            erase(office, subject)
    assert (len(given[0]), given[1]) == (2, None)


def test_erasing_again_finds_it_erased(desk: Desk, subject: bytes) -> None:
    """Nothing is sent; the proof is the same."""
    first = erase(desk.office, subject)
    desk.suite.clock.move_by(DAY)
    before = sent(desk)
    second = erase(desk.office, subject)
    assert (second.already, second.transaction, second.erased_at, second.unbound) == (
        True,
        first.transaction,
        first.erased_at,
        (),
    )
    assert sent(desk) == before


def test_erasure_by_somebody_else_is_carried_out_here(desk: Desk, suite: Suite, subject: bytes) -> None:
    """Or the database is a backup's: what the chain calls erased is erased again."""
    receipt = suite["compliance"].send(suite.subjects, "erase", subject)
    assert emitted(receipt, suite.subjects, "SubjectErased")
    shown = subjects.show(desk.office, subject)
    assert (shown.is_emptied, shown.erased_at is None) == (False, False)
    done = erase(desk.office, subject)
    assert (done.already, done.transaction) == (True, receipt.hash)
    assert row_of(desk.office, subject)[:4] == (subject, None, None, None)


def test_subject_known_by_the_chain_alone_is_erased(desk: Desk, suite: Suite) -> None:
    """By whoever has the role, whatever database it was made in."""
    there = secrets.token_bytes(32)
    suite["verifier"].send(suite.subjects, "verify", there, 1, 0, bytes(32))
    done = erase(desk.office, there)
    assert suite.subjects.call("erasedAt", there) == START
    assert any("1 entries of verifications" in one.what for one in done.remains)


# --- what remains


def test_what_remains_is_told_with_its_reason(
    office: Office, suite: Suite, customer: Actor, subject: bytes
) -> None:
    """Id, decisions, words, addresses, policies, backups, and the proof."""
    suite["operator"].send(suite.consents, "defineTerms", [purpose_iri("Marketing")])
    record_one(suite, subject)
    done = erase(office, subject)
    told = {one.what: (one.where, one.why) for one in done.remains}
    assert told["the id, 32 random bytes"][0] == "chain and database"
    assert told["1 decisions, 0 honours"][0] == "chain"
    assert told["1 words of evidence"] == ("chain and database", "hashes whose salts are destroyed")
    assert told["addresses of 1 wallets once bound"][0] == "chain"
    assert told[f"the erasure, transaction {done.transaction}"] == ("chain", "the proof that it happened")
    assert "backups made before" in told
    assert not any("policies" in what for what in told)


def record_one(suite: Suite, subject: bytes) -> None:
    """A consent given on the telephone."""
    entry = 1 << 224 | 3 << 8 | 1 << 4 | 2
    suite["operator"].send(suite.consents, "recordFor", [(subject, entry, b"\7" * 32)])


def test_nothing_personal_reaches_chain_or_journal_n4(
    desk: Desk, suite: Suite, subject: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in call data or events, nor in what the log says, whatever its level."""
    with caplog.at_level("DEBUG"):
        erase(desk.office, subject)
    newest = int(suite.node.call("eth_blockNumber"), 16)
    blocks = [suite.node.call("eth_getBlockByNumber", [hex(number), True]) for number in range(newest + 1)]
    logs = suite.node.call("eth_getLogs", [{"fromBlock": "0x0", "toBlock": "latest"}])
    said = str(blocks).lower() + str(logs).lower() + caplog.text
    for text in (NAME, "Müller", "K-4711", "zoe.jpg", "passport of Zoe"):
        assert text.encode().hex() not in said
        assert text not in said

"""Importing files of decisions: all rows or none, each once, in order.

Branches: what is recorded · refused whole (file, unknown and erased subject, future, cap, pause, role) ·
--create · again (done, killed before and between batches, index behind, terms numbered anew, erased since,
another key) · batches (gas, order on one key, failure in the middle) · progress.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from saying import CONTACT, GERMANY, MARKETING, history, nothing_sent
from support import Suite, misses
from support.defaults import DAY, START
from support.office import Desk, desk_of

from troth.chain.fees import price_now
from troth.chain.sender import Outcome
from troth.chain.transactions import Call
from troth.consent import administration, imports, terms
from troth.consent.decisions import State
from troth.consent.imports import import_file
from troth.consent.intake import COLUMNS
from troth.errors import BadInput, BadSetting, ConsentsPaused, ContractRefused
from troth.identity import evidence, subjects
from troth.intake import iso_second
from troth.office import Office
from troth.store import schema
from troth.store.journal import StoredJournal
from troth.store.terms import names_of

ROW = {
    "subject": "C-1",
    "purpose": "Marketing",
    "recipient": "broker",
    "category": "Contact",
    "state": "given",
    "basis": "consent",
    "method": "recorded-call",
    "effective": iso_second(START - DAY),
}
SMALL = 500_000  # gas: some fifteen rows

Write = Callable[..., Path]


class Killed(BaseException):
    """Stands for kill -9: nothing in the product catches it."""


def killed(*_given: object) -> None:
    """Stands where something would have gone on."""
    raise Killed


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes rows, each the default but for what is given."""

    def written(*rows: dict[str, str], name: str = "consents.csv") -> Path:
        path = tmp_path / name
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, restval="")
            writer.writeheader()
            writer.writerows({**ROW, **row} for row in rows)
        return path

    return written


@pytest.fixture
def small(office: Office) -> Office:
    """An office that fills its transactions with a few rows."""
    object.__setattr__(office.settings, "batch_gas", SMALL)
    return office


def people(count: int) -> list[dict[str, str]]:
    """A row each for so many."""
    return [{"subject": f"P-{number}"} for number in range(count)]


def recorded(office: Office) -> list[tuple[str | None, str, int]]:
    """Reference, state and number of every decision in the index, in the order of the chain."""
    office.sync()
    table = schema.decisions
    with office.store.reading() as connection:
        rows = connection.execute(table.select().order_by(table.c.block, table.c.log)).all()
    names = subjects.references_of(office, {row.subject for row in rows})
    return [(names.get(row.subject), State(row.state).text, row.number) for row in rows]


def staged(office: Office) -> int:
    """Rows of imports in the database."""
    with office.store.reading() as connection:
        return len(connection.execute(schema.import_rows.select()).all())


def problems_of(office: Office, path: Path, **options: Any) -> list[tuple[int | None, str | None, str]]:
    """Line, column and rule of everything that an import is refused for."""
    with pytest.raises(BadInput) as caught:
        import_file(office, path, **options)
    return [(one.line, one.column, one.reason) for one in caught.value.problems]


def dying(desk: Desk, monkeypatch: pytest.MonkeyPatch, made: int) -> None:
    """Makes the import die once so many of its calls are made, of which the sender has sent all but the last
    eight; -1: once all are mined. What was sent is mined by then: a new command's sender waits for that.
    """
    call, count, stream = imports._call, iter(range(1_000)), desk.office.sender.stream

    def dies(*given: Any) -> Call:
        if next(count) == made:
            until_mined(desk)
            raise Killed
        return call(*given)

    def dies_in_the_end(calls: Iterator[Call]) -> Iterator[Outcome]:
        yield from stream(calls)
        raise Killed

    if made >= 0:
        monkeypatch.setattr(imports, "_call", dies)
    else:
        monkeypatch.setattr(desk.office.sender, "stream", dies_in_the_end)


def until_mined(desk: Desk) -> None:
    """Returns once nothing of the desk's is under way."""
    for _ in range(1_000):
        asked = [("eth_getTransactionCount", [desk.who.address, tag]) for tag in ("latest", "pending")]
        latest, pending = desk.suite.node.batch(asked)
        if latest == pending:
            return
        time.sleep(0.01)
    raise TimeoutError("what was sent is not mined")


# --- what is recorded


def test_rows_are_recorded_in_the_order_of_the_file(office: Office, subject: bytes, write: Write) -> None:
    """On each key from 1; with what they say."""
    rows = [{}, {"state": "withdrawn"}, {"state": "given", "category": "*"}, {"state": "renewed"}]
    done = import_file(office, write(*rows))
    assert recorded(office) == [
        ("C-1", "given", 1),
        ("C-1", "withdrawn", 2),
        ("C-1", "given", 1),
        ("C-1", "renewed", 3),
    ]
    held = history(office, subject)[0]
    assert (held.basis, held.method, held.effective, held.expires) == (1, 3, START - DAY, 0)
    assert (done.rows, done.recorded, done.already, done.subjects) == (4, 4, 0, 0)
    assert (len(done.transactions), done.gas_used > 0, done.seconds > 0) == (1, True, True)


def test_everything_a_row_says_is_on_the_chain(
    office: Office, subject: bytes, write: Write, tmp_path: Path
) -> None:
    """Expiry, notice, jurisdiction by their numbers; evidence sealed."""
    (tmp_path / "notice.txt").write_bytes(b"We will.")
    (tmp_path / "call.txt").write_bytes(b"Yes.")
    row = {"expires": iso_second(START), "notice": "notice.txt", "jurisdiction": "DE", "evidence": "call.txt"}
    import_file(office, write(row, {"evidence": "call 7"}, {}))
    office.sync()
    with office.store.reading() as connection:
        rows = connection.execute(schema.decisions.select().order_by(schema.decisions.c.number)).all()
        names = names_of(connection, {rows[0].notice, rows[0].jurisdiction})
        kept = connection.execute(schema.notices.select()).one()
    assert rows[0].expires == START
    assert names == {0: "*", rows[0].notice: kept.iri, rows[0].jurisdiction: GERMANY}
    assert kept.content == b"We will."
    contents = [evidence.find(office, one.evidence).content for one in rows]
    assert [one.data for one in contents] == [b"Yes.", b"call 7", b""]
    assert len({one.evidence for one in rows}) == 3


def test_subjects_may_be_named_by_id(office: Office, subject: bytes, write: Write) -> None:
    """One and the same, both ways; an id need not be known here."""
    other = "0x" + "5a" * 32
    import_file(office, write({}, {"subject": f"0x{subject.hex()}"}, {"subject": other}))
    assert recorded(office) == [("C-1", "given", 1), ("C-1", "given", 2), (None, "given", 1)]


def test_create_makes_a_subject_for_each_unknown_reference(
    office: Office, subject: bytes, write: Write
) -> None:
    """Once, however often it stands in the file."""
    done = import_file(office, write({"subject": "C-2"}, {}, {"subject": "C-2"}), create=True)
    assert done.subjects == 1
    assert recorded(office) == [("C-2", "given", 1), ("C-1", "given", 1), ("C-2", "given", 2)]
    assert subjects.resolve(office, "C-1") == subject


def test_call_is_as_the_general_encoder_packs_it(office: Office, subject: bytes, write: Write) -> None:
    """Word for word."""
    done = import_file(office, write({}, {"state": "refused"}))
    (hash_,) = done.transactions
    sent_data = bytes.fromhex(office.node.call("eth_getTransactionByHash", [hash_])["input"][2:])
    with office.store.reading() as connection:
        rows = connection.execute(schema.import_rows.select().order_by(schema.import_rows.c.position)).all()
    records = [(row.subject, int.from_bytes(row.entry, "big"), row.evidence) for row in rows]
    assert sent_data == office.contract("ConsentRegistry").encode("recordFor", records)


# --- refused whole


def test_every_row_is_checked_before_anything_is_sent(desk: Desk, office: Office, write: Write) -> None:
    """Against chain and database; nothing is kept, no subject made, no term defined."""
    known = subjects.new(office, "C-1").subject
    gone = f"0x{'77' * 32}"
    desk.suite["compliance"].send(desk.suite.subjects, "erase", bytes.fromhex(gone[2:]))
    office.sync()
    administration.set_cap(office, GERMANY, MARKETING, 1)
    now = desk.suite.clock.now
    rows = [
        {},
        {"subject": "C-2"},
        {"effective": iso_second(now + 1)},
        {"jurisdiction": "DE", "expires": iso_second(START + 1)},
        {"jurisdiction": "DE", "expires": iso_second(START)},
        {"subject": gone},
    ]
    with nothing_sent(desk):
        found = problems_of(office, write(*rows))
        assert problems_of(office, write(*rows), create=True) == [one for one in found if one[0] != 3]
    assert found == [
        (3, "subject", "no subject has this customer reference: make them with --create"),
        (4, "effective", f"in the future: on the chain it is {iso_second(now)}"),
        (5, "expires", f"beyond the statutory cap of DE, 1 days: at most {iso_second(START)}"),
        (7, "subject", "this subject was erased"),
    ]
    assert (staged(office), history(office, known)) == (0, [])


def test_one_bad_row_of_many_stops_all(desk: Desk, office: Office, write: Write) -> None:
    """The last of 10,000."""
    path = write(*people(9_999), {"state": "agreed"})
    with nothing_sent(desk):
        ((line, column, _),) = problems_of(office, path, create=True)
    assert (line, column, staged(office)) == (10_001, "state", 0)
    with office.store.reading() as connection:
        assert connection.execute(schema.subjects.select()).all() == []


def test_pause_lets_files_of_denials_through_k4(
    desk: Desk, office: Office, subject: bytes, write: Write
) -> None:
    """One grant among them stops the file."""
    administration.pause(office)
    with nothing_sent(desk), pytest.raises(ConsentsPaused):
        import_file(office, write({"state": "withdrawn"}, {}))
    assert import_file(office, write({"state": "withdrawn"}, {"state": "refused"})).recorded == 2


def test_import_takes_the_role_of_operator_k3(suite: Suite, stranger_office: Office, write: Write) -> None:
    """Found out before subjects are made."""
    with misses("OPERATOR", suite["stranger"].address):
        import_file(stranger_office, write({}), create=True)
    assert staged(stranger_office) == 0


# --- again


def test_same_file_again_is_known(desk: Desk, office: Office, subject: bytes, write: Write) -> None:
    """Whatever its name is now; nothing is sent."""
    import_file(office, write({}, {}))
    with nothing_sent(desk):
        done = import_file(office, write({}, {}, name="copy.csv"), create=True)
    assert (done.rows, done.recorded, done.already, done.transactions) == (2, 0, 2, ())
    assert len(history(office, subject)) == 2


def test_other_file_is_recorded_beside_it(office: Office, subject: bytes, write: Write) -> None:
    """One row more is another file, and its rows are decisions of their own."""
    import_file(office, write({}))
    import_file(office, write({}, {}))
    assert len(history(office, subject)) == 3


@pytest.mark.parametrize("made", [0, 9, 16, -1])
def test_killed_import_goes_on_where_it_was(
    desk: Desk, small: Office, write: Write, monkeypatch: pytest.MonkeyPatch, made: int
) -> None:
    """Every row once, in order, whatever was on its way."""
    path = write(*people(250))
    with monkeypatch.context() as patch:
        dying(desk, patch, made)
        with pytest.raises(Killed):
            import_file(small, path, create=True)
    before = len(recorded(small))
    assert (before > 0, before < 250) == (made != 0, made != -1)
    done = import_file(small, path, create=True)
    assert (done.rows, done.recorded, done.already, done.subjects) == (250, 250 - before, before, 0)
    assert sorted(recorded(small)) == sorted((f"P-{number}", "given", 1) for number in range(250))
    assert import_file(small, path).already == 250


def test_import_killed_before_it_was_staged_begins_anew(
    office: Office, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that it made goes with it."""
    path = write(*people(3))
    with monkeypatch.context() as patch:
        patch.setattr(imports.table, "save_import", killed)
        with pytest.raises(Killed):
            import_file(office, path, create=True)
    with office.store.reading() as connection:
        assert connection.execute(schema.subjects.select()).all() == []
    assert import_file(office, path, create=True).recorded == 3


def test_rows_in_blocks_too_new_for_the_index_are_not_sent_again(
    desk: Desk, small: Office, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With confirmations the index lags: the chain's own logs say what is recorded."""
    path = write(*people(300))
    object.__setattr__(small.settings, "confirmations", 1_000)
    with monkeypatch.context() as patch:
        dying(desk, patch, 9)
        with pytest.raises(Killed):
            import_file(small, path, create=True)
    assert 0 < import_file(small, path).recorded < 300
    assert import_file(small, path).recorded == 0
    object.__setattr__(small.settings, "confirmations", 0)
    assert recorded(small) == [(f"P-{number}", "given", 1) for number in range(300)]


def test_chain_that_forgot_its_terms_numbers_them_anew(
    desk: Desk, office: Office, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was staged says the same in the new numbers."""
    node, path = desk.suite.node, write({"recipient": "broker"}, {"recipient": "agency"})
    subject = subjects.new(office, "C-1").subject
    before = node.call("evm_snapshot")
    with monkeypatch.context() as patch:
        dying(desk, patch, 0)
        with pytest.raises(Killed):
            import_file(office, path)
    assert node.call("evm_revert", [before])
    desk.who.__dict__.pop("sender", None)
    desk.office.sender = desk.who.sender
    terms.numbers_of(office, [terms.recipient_iri("agency"), terms.recipient_iri("somebody")])
    assert import_file(office, path).recorded == 2
    for recipient in ("broker", "agency"):
        assert len(history(office, subject, (MARKETING, terms.recipient_iri(recipient), CONTACT))) == 1


def test_rows_of_a_subject_erased_since_are_left_out(
    desk: Desk, office: Office, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Erasing takes them out of what is staged."""
    path = write(*people(3))
    with monkeypatch.context() as patch:
        patch.setattr(imports._Run, "send", killed)
        with pytest.raises(Killed):
            import_file(office, path, create=True)
    gone = subjects.resolve(office, "P-1")
    with office.store.writing() as connection:
        connection.execute(schema.import_rows.delete().where(schema.import_rows.c.subject == gone))
    done = import_file(office, path)
    assert (done.rows, done.recorded) == (3, 2)
    assert [name for name, *_ in recorded(office)] == ["P-0", "P-2"]


def test_import_that_another_key_has_under_way_waits(
    desk: Desk, office: Office, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transactions may be mined yet, and then rows would be recorded twice."""
    path, other = write({}), desk.suite["operator"]
    with monkeypatch.context() as patch:
        patch.setattr(imports._Run, "send", killed)
        with pytest.raises(Killed):
            import_file(office, path, create=True)
    call = Call(office.contract("ConsentRegistry").address, b"", 21_000, label="import 1: rows 0 to 0")
    theirs = other.sender._sign(call, 7, price_now(office.node, 10**12))
    StoredJournal(office.store).signed([theirs])
    with nothing_sent(desk), pytest.raises(BadSetting, match=f"under way from {other.address}"):
        import_file(office, path)


# --- batches


def test_no_batch_takes_more_gas_than_foreseen(
    small: Office, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First decisions, later ones on keys that are long already, and all on one key."""
    foreseen: list[int] = []
    call = imports._call

    def watch(batch: Any, *rest: Any) -> Call:
        foreseen.append(batch.gas)
        return call(batch, *rest)

    monkeypatch.setattr(imports, "_call", watch)
    for rows in (people(40), people(1) * 70, people(15) * 20):
        done = import_file(small, write(*rows), create=True)
        used = [
            int(small.node.call("eth_getTransactionReceipt", [one])["gasUsed"], 16)
            for one in done.transactions
        ]
        assert len(used) > 1
        assert all(one <= most for one, most in zip(used, foreseen, strict=True)), (used, foreseen)
        assert max(foreseen) <= SMALL
        foreseen.clear()


def test_first_decisions_waste_little_of_what_is_foreseen(office: Office, write: Write) -> None:
    """A tenth of a transaction at most."""
    done = import_file(office, write(*people(200)), create=True)
    assert done.gas_used > 0.9 * (imports._TRANSACTION + 200 * imports._ROW)


def test_batch_on_a_key_under_way_waits_for_it(
    desk: Desk, small: Office, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All on one key: one transaction at a time; on different keys: all at once."""
    together: list[int] = []
    stream = desk.office.sender.stream

    def watch(calls: Iterator[Call]) -> Iterator[Outcome]:
        given = list(calls)
        together.append(len(given))
        return stream(given)

    monkeypatch.setattr(desk.office.sender, "stream", watch)
    done = import_file(small, write(*people(45)), create=True)
    assert together == [len(done.transactions)]
    together.clear()
    done = import_file(small, write(*(people(1) * 45)), create=True)
    assert together == [1] * len(done.transactions)
    assert [number for name, _, number in recorded(small) if name == "P-0"] == list(range(1, 47))


def test_rows_of_one_subject_are_kept_together(small: Office, write: Write) -> None:
    """So that pairs of decisions do not make each batch wait for the one before."""
    pairs = [row for one in people(30) for row in (one, {**one, "state": "withdrawn"})]
    done = import_file(small, write(*pairs), create=True)
    assert len(done.transactions) > 2
    with small.store.reading() as connection:
        rows = connection.execute(schema.decisions.select()).all()
    blocks: dict[bytes, set[int]] = {}
    for row in rows:
        blocks.setdefault(row.subject, set()).add(row.block)
    assert all(len(found) == 1 for found in blocks.values())


def test_batch_that_fails_stops_what_comes_after_it_on_its_key(
    desk: Desk, small: Office, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paused in the middle, a withdrawal would pass where the grant before it did not."""
    call, count = imports._call, iter(range(100))

    def paused(*given: Any) -> Call:
        if next(count) == 1:
            desk.suite["guardian"].send(desk.suite.consents, "pause")
        return call(*given)

    path = write(*(people(1) * 20), *({"subject": "P-0", "state": "withdrawn"} for _ in range(20)))
    with monkeypatch.context() as patch:
        patch.setattr(imports, "_call", paused)
        with pytest.raises(ConsentsPaused):
            import_file(small, path, create=True)
    assert {state for _, state, _ in recorded(small)} <= {"given"}
    desk.suite["guardian"].send(desk.suite.consents, "unpause")
    import_file(small, path)
    assert [state for _, state, _ in recorded(small)] == ["given"] * 20 + ["withdrawn"] * 20


def test_failure_stops_the_import(
    desk: Desk, small: Office, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is under way by then is waited for; the rest is not sent to fail as well."""
    call, made = imports._call, []

    def paused(*given: Any) -> Call:
        if not made:
            desk.suite["guardian"].send(desk.suite.consents, "pause")
        made.append(given)
        return call(*given)

    monkeypatch.setattr(imports, "_call", paused)
    with pytest.raises(ConsentsPaused):
        import_file(small, write(*people(2_000)), create=True)
    assert len(made) < 2_000 // 15
    assert recorded(small) == []


def test_other_refusals_are_the_contracts_own() -> None:
    """By name."""
    refusal = ContractRefused("ConsentTermUnknown", {})
    assert imports._in_words(refusal) is refusal


def test_progress_counts_rows(small: Office, write: Write) -> None:
    """Up to all of them, also of those recorded before."""
    told: list[tuple[int, int]] = []
    import_file(small, write(*people(40)), create=True, progress=lambda *counts: told.append(counts))
    assert told[-1] == (40, 40)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(told) > 1


def test_long_imports_are_indexed_on_the_way(
    small: Office, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not all at the end: memory would grow by the file."""
    looks = 0
    sync = small.sync

    def counted() -> Any:
        nonlocal looks
        looks += 1
        return sync()

    monkeypatch.setattr(imports, "_INDEXED", 20)
    monkeypatch.setattr(small, "sync", counted)
    import_file(small, write(*people(60)), create=True)
    assert looks >= 4


def test_two_offices_of_one_insurer_do_not_meet(
    suite: Suite, office: Office, subject: bytes, write: Write, tmp_path: Path
) -> None:
    """Another database knows nothing of the file: what it records is its own."""
    path = write({"subject": f"0x{subject.hex()}"})
    import_file(office, path)
    with desk_of(suite, tmp_path / "other", "operator") as other:
        assert import_file(other.office, path).recorded == 1
    assert len(history(office, subject)) == 2

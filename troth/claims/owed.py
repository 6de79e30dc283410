"""Money owed: claims and refunds whose transfer failed, kept by the pool until they reach their payees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, or_, select
from sqlalchemy.sql.elements import ColumnElement

from troth.addresses import format_address
from troth.chain.transactions import Call
from troth.errors import ContractRefused, TrothError
from troth.office import Office, Progress, progress_ignored
from troth.store import schema
from troth.store.books import list_books

__all__ = ["Debt", "OwedPolicy", "Refusal", "Withdrawal", "Withdrawn", "owed", "withdraw", "withdrawn_after"]

_GAS = 200_000  # a token with hooks or a blacklist takes more than the 60,000 of a plain one


@dataclass(frozen=True)
class OwedPolicy:
    """A policy whose money did not go through."""

    policy_ref: str | None
    """The insurer's own reference; None if the book was not written here."""
    book_id: int
    number: int
    amount: int
    """Base units."""


@dataclass(frozen=True)
class Debt:
    """What is owed to one payee, and for which policies. Amounts in base units."""

    payee: str
    amount: int
    policies: tuple[OwedPolicy, ...]


@dataclass(frozen=True)
class Withdrawal:
    """Owed money that reached its payee."""

    payee: str
    amount: int
    """Base units."""
    transaction: str


@dataclass(frozen=True)
class Refusal:
    """Owed money that still cannot be sent. It stays owed."""

    payee: str
    amount: int
    """Base units."""
    reason: str


@dataclass(frozen=True)
class Withdrawn:
    """What became of a try to pay what is owed."""

    sent: tuple[Withdrawal, ...]
    refused: tuple[Refusal, ...]


def owed(office: Office) -> list[Debt]:
    """Everything owed, by payee, as far as the index has read. Raises what `Office.sync` raises."""
    office.sync()
    with office.store.reading() as connection:
        found: dict[bytes, list[OwedPolicy]] = {}
        for payee, policy in _unpaid(connection):
            found.setdefault(payee, []).append(policy)
    return [
        Debt(format_address(payee), sum(policy.amount for policy in policies), tuple(policies))
        for payee, policies in sorted(found.items())
    ]


def withdraw(office: Office, payee: str | None = None, *, progress: Progress = progress_ignored) -> Withdrawn:
    """Sends what is owed to the payees themselves: to all, or to one.

    Each is tried without a transaction first: one whose transfer would fail costs nothing and stops nobody.
    Raises NoFunds, NoNode and what opening the key raises.
    """
    _ = office.sender  # finishes what a killed run had under way, before anything is planned
    payees = [payee] if payee is not None else [debt.payee for debt in owed(office)]
    amounts = office.pool.call_many([("owed", (one,)) for one in payees]) if payees else []
    due = {one: amount for one, amount in zip(payees, amounts, strict=True) if amount}
    refused = [refusal for one, amount in due.items() if (refusal := _refusal(office, one, amount))]
    for refusal in refused:
        del due[refusal.payee]
    sent, late = _send(office, due, progress)
    office.sync()
    return Withdrawn(tuple(sent), (*refused, *late))


def withdrawn_after(payee: ColumnElement[bytes]) -> ColumnElement[bool]:
    """SQL: that a row of `withdrawals` took out what the row of `payments` left owed to `payee`.

    A withdrawal takes all that is owed, so the first one later on the chain is the one.
    """
    later, owing = schema.withdrawals.c, schema.payments.c
    return and_(
        later.payee == payee,
        or_(later.block > owing.block, and_(later.block == owing.block, later.log > owing.log)),
    )


def _unpaid(connection: Connection) -> Iterator[tuple[bytes, OwedPolicy]]:
    """Every payment still owed: its payee, and its policy."""
    keys = {book.book_id: book.key for book in list_books(connection) if book.is_issued}
    paid = schema.payments.c
    settled = select(schema.withdrawals.c.block).where(withdrawn_after(paid.payee))
    statement = (
        select(paid.payee, paid.book_id, paid.number, paid.amount)
        .where(paid.kind == "owed", ~settled.correlate(schema.payments).exists())
        .order_by(paid.book_id, paid.number)
    )
    for payee, book_id, number, amount in connection.execute(statement).all():
        reference = _reference(connection, keys.get(book_id), number)
        yield payee, OwedPolicy(reference, book_id, number, amount)


def _reference(connection: Connection, book_key: int | None, number: int) -> str | None:
    """The insurer's own reference of a policy."""
    table = schema.policies
    wanted = select(table.c.policy_ref).where(table.c.book_key == book_key, table.c.number == number)
    return None if book_key is None else connection.execute(wanted).scalar()


def _refusal(office: Office, payee: str, amount: int) -> Refusal | None:
    """Why the transfer would fail now, None if it would not."""
    try:
        office.pool.call("withdrawOwed", payee, payee, sender=office.sender.address)
    except ContractRefused as error:
        return Refusal(payee, amount, str(error))
    return None


def _send(
    office: Office, due: dict[str, int], progress: Progress
) -> tuple[Sequence[Withdrawal], Sequence[Refusal]]:
    """Sends to each payee; one that fails all the same is told of, the others go on."""
    sent, refused = [], []
    calls: dict[str, Call] = {
        payee: office.pool.prepare(
            "withdrawOwed", payee, payee, gas=_GAS, label=f"pay what is owed to {payee}"
        )
        for payee in due
    }
    payee_of = {call.data: payee for payee, call in calls.items()}
    for outcome in office.sender.stream(calls.values()):
        payee = payee_of[outcome.call.data]
        if outcome.receipt is None or outcome.failure is not None:
            refused.append(Refusal(payee, due[payee], _reason(outcome.failure)))
        else:
            (event,) = office.pool.events(outcome.receipt, "OwedWithdrawn")
            sent.append(Withdrawal(payee, event.arguments.amount, outcome.receipt.hash))
        progress(len(sent) + len(refused), len(due))
    return sent, refused


def _reason(failure: TrothError | None) -> str:
    """Why a withdrawal failed."""
    return str(failure) if failure is not None else "it was not mined"

"""troth book issue, list, cap, cancel, extend, expire."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from troth.cli.output import print_json, print_table, when
from troth.cli.parsing import amount, moment
from troth.cli.session import Json, Session

__all__ = ["register"]

app = typer.Typer(name="book", help="Books of policies.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(min=1, max=2**32 - 1, help="The contract's number.")]


@app.command()
def issue(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="CSV: policy_ref,risk,payee,sum_insured,premium", metavar="BOOK.csv")
    ],
    *,
    product: Annotated[str, typer.Option(help="Name of the product.")],
    cover_from: Annotated[
        str | None, typer.Option(help="When cover begins, as 2027-01-31T00:00:00Z; today, 00:00, by default.")
    ] = None,
    cover_until: Annotated[
        str | None, typer.Option(help="When cover ends; a year after it begins by default.")
    ] = None,
    deadline: Annotated[
        str | None, typer.Option(help="When claims end; 90 days after cover by default.")
    ] = None,
    collateral: Annotated[
        int, typer.Option(min=1, max=10_000, help="Share of the sum insured to reserve, basis points.")
    ] = 10_000,
    daily_cap: Annotated[
        str | None, typer.Option(help="Most to be paid in a UTC day, in currency; no cap by default.")
    ] = None,
    json: Json = False,
) -> None:
    """Issue the policies of a file: collect their premium, reserve their liability."""
    from troth.claims import books  # noqa: PLC0415  kept out of --help

    begins, ends = moment("--cover-from", cover_from), moment("--cover-until", cover_until)
    last = moment("--deadline", deadline)
    with Session.of(context).office() as office:
        cap = 0 if daily_cap is None else amount(office, "--daily-cap", daily_cap)
        terms = books.Terms(begins, ends, last, collateral=collateral, daily_cap=cap)
        book = books.issue(office, file, product, terms)
        already = book.transaction is None
        if json:
            print_json(book, already=already, decimals=office.decimals, symbol=office.symbol)
            return
        print(f"book {book.book_id}: {book.policies} policies, {'issued before' if already else 'issued'}")
        print(f"insured {office.amount(book.sum_insured)}, premium {office.amount(book.premium)}")
        print(f"claims until {when(book.deadline)}")


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """Show every book."""
    from troth.claims.registers import books  # noqa: PLC0415

    with Session.of(context).office() as office:
        entries = books(office)
        if json:
            print_json({"books": entries}, decimals=office.decimals, symbol=office.symbol)
            return
        rows = [
            (
                one.book,
                one.product,
                one.policies,
                office.amount(one.sum_insured),
                office.amount(one.reserve),
                office.amount(one.paid),
                office.amount(one.daily_cap) if one.daily_cap else "none",
                one.deadline,
                "" if one.written_here else "not in this database",
            )
            for one in entries
        ]
    columns = [
        "#book",
        "product",
        "#policies",
        "#insured",
        "#reserve",
        "#paid",
        "#daily cap",
        "claims until",
        "",
    ]
    print_table(columns, rows)


@app.command()
def cap(
    context: typer.Context,
    book: Number,
    most: Annotated[str, typer.Argument(help="In currency, or none.", metavar="AMOUNT|none")],
) -> None:
    """Set the most a book may pay in a UTC day."""
    from troth.claims.administration import set_daily_cap  # noqa: PLC0415

    with Session.of(context).office() as office:
        units = 0 if most == "none" else amount(office, "AMOUNT", most)
        transaction = set_daily_cap(office, book, units)
        print(f"book {book}: {office.amount(units) if units else 'no cap'} a day; transaction {transaction}")


@app.command()
def cancel(
    context: typer.Context,
    book: Number,
    policy_ref: Annotated[str, typer.Argument(help="The insurer's own reference.", metavar="REF")],
    refund: Annotated[str | None, typer.Option(help="In currency; the whole premium by default.")] = None,
    json: Json = False,
) -> None:
    """Cancel one policy and refund its premium to its payee."""
    from troth.claims.administration import cancel as cancel_policy  # noqa: PLC0415

    with Session.of(context).office() as office:
        units = None if refund is None else amount(office, "--refund", refund)
        done = cancel_policy(office, book, policy_ref, units)
        if json:
            print_json(done, decimals=office.decimals, symbol=office.symbol)
            return
        how = "is owed" if done.owed else "was refunded"
        print(f"{policy_ref} is cancelled; {office.amount(done.refund)} {how} to {done.payee}")


@app.command()
def extend(
    context: typer.Context,
    book: Number,
    deadline: Annotated[
        str, typer.Argument(help="Later than before, as 2027-01-31T00:00:00Z.", metavar="DEADLINE")
    ],
) -> None:
    """Give a book's claims more time, before it has expired."""
    from troth.claims.administration import extend_deadline  # noqa: PLC0415

    last = moment("DEADLINE", deadline)
    assert last is not None  # noqa: S101  an argument is always there
    with Session.of(context).office() as office:
        print(f"book {book}: claims until {when(last)}; transaction {extend_deadline(office, book, last)}")


@app.command()
def expire(context: typer.Context, book: Number, json: Json = False) -> None:
    """Free the reserve of a book past its claim deadline."""
    from troth.claims.administration import expire as expire_book  # noqa: PLC0415

    with Session.of(context).office() as office:
        done = expire_book(office, book)
        if json:
            print_json(done, decimals=office.decimals, symbol=office.symbol)
        else:
            print(f"book {book}: {office.amount(done.released)} are free again")


def register(main: typer.Typer) -> None:
    """Adds these commands."""
    main.add_typer(app)

"""What is printed of products that require something, and of claims withheld for want of it.

product add, list: what is required, in words and as JSON
settle: the count, the amount, the reason and exit code 1; a dry run exit code 0
claims list, show: withheld, and what is lacking
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import typer
from support import Actor, Suite
from support.chain import ROOT
from support.defaults import LATE, RISK
from support.office import Desk, desk_of, lines_for
from typer.testing import CliRunner

from troth.claims.eligibility import Lack
from troth.claims.intake import Requires
from troth.cli import claims, product, settle
from troth.cli.session import Session
from troth.identity.verifications import Level
from troth.office import Office

EXAMPLE = ROOT / "examples" / "product-requires.toml"
CONSENT = {"purpose": "InsuranceClaimsManagement", "recipient": "insurer", "category": "Health"}


class AtDesk(Session):
    """A session in an office that is open already."""

    def __init__(self, desk: Desk) -> None:
        super().__init__({}, verbose=False)
        self.__dict__["at"] = desk.office

    @contextmanager
    def office(self) -> Iterator[Office]:
        """That one."""
        yield cast("Office", self.__dict__["at"])


@pytest.fixture
def desk(suite: Suite, tmp_path: Path) -> Iterator[Desk]:
    """The insurer's."""
    with desk_of(suite, tmp_path / "desk") as made:
        yield made.funded()


@pytest.fixture
def lacking(desk: Desk, customers: tuple[Actor, ...]) -> Desk:
    """Two due claims of payees whose wallets are nobody's, on a product that wants them verified."""
    desk.requires = Requires(Level.LOW)
    desk.book(lines_for(customers[:2]))
    desk.report({RISK: LATE})
    return desk


def run(desk: Desk, *arguments: str) -> Any:
    """What a command says and returns."""
    app = typer.Typer()
    for group in (product, settle, claims):
        group.register(app)
    return CliRunner().invoke(app, arguments, obj=AtDesk(desk), catch_exceptions=False)


def told(desk: Desk, *arguments: str) -> dict[str, Any]:
    """The same as JSON."""
    found = json.loads(run(desk, *arguments, "--json").stdout)
    assert isinstance(found, dict)
    return found


def test_product_is_shown_with_what_it_requires(desk: Desk) -> None:
    """In the words of its file."""
    said = run(desk, "product", "add", str(EXAMPLE))
    consent = "consent to InsuranceClaimsManagement (recipient insurer, category Health)"
    requires = f"payee verified (substantial), {consent}"
    assert said.stdout == f"product 1: sickness before travel, version 1\nrequires {requires}\n"
    assert requires in run(desk, "product", "list").stdout


def test_product_is_told_with_what_it_requires_as_json(desk: Desk) -> None:
    """Alike when it is added and when it is listed; null for what is not required."""
    required = {"verification": "substantial", "consent": CONSENT}
    assert told(desk, "product", "add", str(EXAMPLE))["requires"] == required
    desk.product()
    (first, second) = told(desk, "product", "list")["products"]
    assert first["requires"] == required
    assert second["requires"] == {"verification": None, "consent": None}


def test_product_that_requires_nothing_says_nothing_of_it(desk: Desk) -> None:
    """As before."""
    assert "requires" not in run(desk, "product", "add", str(ROOT / "examples" / "product.toml")).stdout


def test_settle_says_what_is_withheld_and_why(lacking: Desk) -> None:
    """And ends with exit code 1, for something is due that was not paid."""
    said = run(lacking, "settle")
    assert said.exit_code == 1
    assert "withheld        2 claims, 400.00 TUSD\n" in said.stdout
    assert said.stderr == f"troth: book 1: 2 claims withheld: {Lack.SUBJECT.value}\n"
    assert "`troth subject bind`, then settle again" in said.stderr


def test_settle_tells_what_is_withheld_as_json(lacking: Desk) -> None:
    """In base units."""
    said = told(lacking, "settle")
    assert (said["withheld"], said["withheld_amount"], said["settled"]) == (2, 400_000_000, 0)
    assert said["lacking"] == [f"book 1: 2 claims withheld: {Lack.SUBJECT.value}"]


def test_settle_dry_run_foresees_it_and_is_no_failure(lacking: Desk) -> None:
    """Nothing was to be paid."""
    said = run(lacking, "settle", "--dry-run")
    assert said.exit_code == 0
    assert "withheld        2 claims, 400.00 TUSD\n" in said.stdout
    assert Lack.SUBJECT.value in said.stderr


def test_settle_says_nothing_of_withholding_where_nothing_is(desk: Desk, customer: Actor) -> None:
    """As before."""
    desk.book(lines_for([customer]))
    desk.report({RISK: LATE})
    said = run(desk, "settle")
    assert (said.exit_code, "withheld" in said.stdout, said.stderr) == (0, False, "")


def test_claims_show_and_list_what_is_lacking(lacking: Desk) -> None:
    """Beside the status."""
    run(lacking, "settle")
    assert f"status        withheld: {Lack.SUBJECT.value}\n" in run(lacking, "claims", "show", "P-0").stdout
    listed = run(lacking, "claims", "list", "--status", "withheld")
    assert listed.stdout.count(Lack.SUBJECT.value) == 2
    assert "lacking" in listed.stdout.split()
    assert "2 withheld" in listed.stderr
    assert told(lacking, "claims", "list")["counts"]["withheld"] == 2


def test_claims_list_has_no_such_column_where_nothing_is_withheld(desk: Desk, customer: Actor) -> None:
    """As before."""
    desk.settled(lines_for([customer]))
    assert "lacking" not in run(desk, "claims", "list").stdout

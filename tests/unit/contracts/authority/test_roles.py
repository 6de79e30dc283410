"""Who may call what.

a function for one role
├── called by a stranger, an oracle, or the holder of any other role: refused, and the role is named
├── called by its holder: not refused for that
└── called by a holder whose role was taken away: refused
a function for the administrator: as above
a function for the policy books alone: refused to everybody, the insurer too
every function that changes anything is in one of the tables below
roles: granted and taken by the administrator only; labelled
"""

from __future__ import annotations

import json

import pytest
from support import Actor, Suite, misses, report_of, word
from support.chain import ROOT
from support.defaults import LATE, RISK
from support.suite import ROLES

from troth.chain.artifacts import artifact
from troth.chain.contracts import Contract
from troth.chain.refusals import Role
from troth.errors import ContractRefused

SOMEBODY = "0x" + "55" * 20
BOOK_TERMS = (bytes(32), 0, 0, 0, 0, 0, 0, 0, 0, 0)
POLICY = (0, bytes(32), SOMEBODY, 0, 0, bytes(32))
REPORT = report_of({RISK: LATE}).data
NOTHING = bytes(32)
RECORD = (NOTHING, 0, NOTHING)

RESTRICTED = [
    ("actuary", "products", "register", ("delay", word("m"), 0, [], (0, 0, 0, 0))),
    ("underwriter", "books", "issue", (BOOK_TERMS,)),
    ("underwriter", "books", "cancel", (1, POLICY, 0, [])),
    ("supervisor", "books", "extendDeadline", (1, 0)),
    ("supervisor", "books", "setDailyCap", (1, 0)),
    ("supervisor", "books", "setMinimumCollateral", (1, 0)),
    ("challenger", "reports", "challenge", (1, bytes(32))),
    ("arbiter", "reports", "uphold", (1,)),
    ("arbiter", "reports", "replace", (REPORT, [])),
    ("guardian", "pool", "pause", ()),
    ("guardian", "pool", "unpause", ()),
    ("administrator", "reports", "setOracle", (SOMEBODY, True)),
    ("administrator", "reports", "setQuorum", (1,)),
    ("bookkeeper", "pool", "underwrite", (1, SOMEBODY, 0, 0)),
    ("bookkeeper", "pool", "pay", (1, [], 0)),
    ("bookkeeper", "pool", "refund", (1, (0, SOMEBODY, 0), 0)),
    ("bookkeeper", "pool", "release", (1, 0)),
    ("operator", "subjects", "bind", (NOTHING, SOMEBODY, 0, 0, b"")),
    ("verifier", "subjects", "verify", (NOTHING, 0, 0, NOTHING)),
    ("compliance", "subjects", "erase", (NOTHING,)),
    ("operator", "consents", "defineTerms", ([""],)),
    ("operator", "consents", "recordFor", ([RECORD],)),
    ("operator", "consents", "recordExpiryEvent", (0, 0)),
    ("operator", "consents", "honour", ([(NOTHING, 0, 0, 0, 0, 0, 0, NOTHING)],)),
    ("compliance", "consents", "correct", (RECORD, 0)),
    ("compliance", "consents", "setExpiryCap", (1, 0, 0)),
    ("guardian", "consents", "pause", ()),
    ("guardian", "consents", "unpause", ()),
    ("operator", "streams", "create", ("", SOMEBODY)),
    ("operator", "streams", "declareCount", (1, 0, 0, 0)),
    ("compliance", "streams", "setWriter", (1, SOMEBODY, True)),
    ("compliance", "streams", "hold", (1, NOTHING)),
    ("compliance", "streams", "release", (1, NOTHING)),
    ("compliance", "streams", "setRetention", (1, "", 0)),
]
OPEN = {
    "ProductRegister": set(),
    "OracleReports": {"publish"},
    "PolicyBooks": {"settle", "expire"},
    "CapitalPool": {
        *("withdrawOwed", "giveNotice", "deposit", "mint", "withdraw", "redeem"),
        *("transfer", "transferFrom", "approve"),
    },
    "Subjects": {"unbind", "revoke", "appoint", "dismiss"},  # to those concerned: see ../subjects
    "ConsentRegistry": {"record", "recordSigned"},
    "Streams": {"anchor"},  # to a stream's writers: see ../streams
}
SHORT_NAMES = {
    "ProductRegister": "products",
    "OracleReports": "reports",
    "PolicyBooks": "books",
    "CapitalPool": "pool",
    "Subjects": "subjects",
    "ConsentRegistry": "consents",
    "Streams": "streams",
}
OTHER_ERRORS = ("ExpectedPause", "Consent", "Decision", "Vocabulary")
"""Of a restricted function's own, not named after its contract."""
each_restricted = pytest.mark.parametrize(
    ("role", "contract", "function", "arguments"),
    RESTRICTED,
    ids=[f"{row[1]}.{row[2]}" for row in RESTRICTED],
)


@each_restricted
def test_restricted_call_is_refused_without_its_role(
    suite: Suite, role: str, contract: str, function: str, arguments: tuple[object, ...]
) -> None:
    """By strangers, oracles, investors, and those who hold every role but this one's."""
    target: Contract = getattr(suite, contract)
    others = [suite[name] for name in ("stranger", "investor", *ROLES) if name != role]
    if role == "bookkeeper":
        others.append(suite["insurer"])
    for other in (*others, *suite.oracles):
        with misses(role.upper(), other.address):
            target.call(function, *arguments, sender=other.address)


@each_restricted
def test_restricted_call_is_not_refused_to_its_role(
    suite: Suite, role: str, contract: str, function: str, arguments: tuple[object, ...]
) -> None:
    """It may be refused for what it asks, never for who asks."""
    holder = {"administrator": suite["insurer"], "bookkeeper": suite.books}.get(role) or suite[role]
    target: Contract = getattr(suite, contract)
    try:
        target.call(function, *arguments, sender=holder.address)
    except ContractRefused as refused:
        assert refused.name.startswith(("ProductRegister", target.name, *OTHER_ERRORS))


@pytest.mark.parametrize("role", Role)
def test_insurer_holds_every_role_of_a_person(suite: Suite, role: Role) -> None:
    """As deployed, one key does everything but move the pool's money by hand."""
    holds = suite.authority.call("hasRole", role, suite["insurer"].address).isMember
    assert holds == (role is not Role.BOOKKEEPER)


def test_restricted_call_is_refused_by_transaction_too(suite: Suite, stranger: Actor) -> None:
    """What a simulation refuses does not get through when sent."""
    with misses("GUARDIAN", stranger.address):
        stranger.send(suite.pool, "pause")
    assert not suite.pool.call("paused")


@pytest.mark.parametrize("name", OPEN)
def test_every_function_that_changes_anything_is_accounted_for(suite: Suite, name: str) -> None:
    """A new one must be put into one of the tables above, and tested."""
    known = OPEN[name] | {row[2] for row in RESTRICTED if row[1] == SHORT_NAMES[name]} | {"setAuthority"}
    assert changing_functions(suite.deployment.contracts[name].artifact) == known


def changing_functions(name: str | None) -> set[str]:
    """The functions of a shipped contract that are neither view nor pure."""
    content = json.loads((ROOT / "troth" / "artifacts" / f"{name}.json").read_text(encoding="utf-8"))
    return {
        item["name"]
        for item in content["abi"]
        if item["type"] == "function" and item["stateMutability"] not in {"view", "pure"}
    }


@pytest.mark.parametrize("contract", SHORT_NAMES.values())
def test_authority_is_changed_by_the_authority_only(suite: Suite, insurer: Actor, contract: str) -> None:
    """Not even by its administrator directly."""
    target: Contract = getattr(suite, contract)
    with misses("ADMINISTRATOR", insurer.address):
        target.call("setAuthority", SOMEBODY, sender=insurer.address)


def test_role_taken_away_is_gone_at_once(suite: Suite, insurer: Actor, guardian: Actor) -> None:
    """From the next call on."""
    guardian.send(suite.pool, "pause")
    insurer.send(suite.authority, "revokeRole", Role.GUARDIAN, guardian.address)
    with misses("GUARDIAN", guardian.address):
        guardian.send(suite.pool, "unpause")


@pytest.mark.parametrize("function", ["grantRole", "revokeRole"])
def test_roles_are_given_and_taken_by_the_administrator_only(
    suite: Suite, guardian: Actor, function: str
) -> None:
    """The holder of a role cannot pass it on, nor take it from another."""
    given = (Role.GUARDIAN, SOMEBODY, 0) if function == "grantRole" else (Role.GUARDIAN, SOMEBODY)
    with misses("ADMINISTRATOR", guardian.address):
        guardian.send(suite.authority, function, *given)


def test_role_numbers_are_the_packages(authority: Contract) -> None:
    """Named alike on the chain and in the package."""
    for role in Role:
        if role is not Role.ADMINISTRATOR:
            assert authority.call(role.name) == role


def test_policy_books_alone_keep_the_pools_books(suite: Suite, authority: Contract) -> None:
    """The one role no person holds."""
    people = [*suite.actors.values(), *suite.oracles, *suite.customers]
    assert authority.call("hasRole", Role.BOOKKEEPER, suite.books.address).isMember
    assert not any(authority.call("hasRole", Role.BOOKKEEPER, one.address).isMember for one in people)


def test_authority_holds_no_role_by_itself(insurer: Actor) -> None:
    """Made anew, it has its administrator and nobody else."""
    fresh = insurer.create(artifact("Authority"), SOMEBODY)
    assert fresh.call("hasRole", Role.ADMINISTRATOR, SOMEBODY).isMember
    assert not fresh.call("hasRole", Role.ADMINISTRATOR, insurer.address).isMember

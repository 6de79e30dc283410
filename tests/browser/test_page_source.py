"""The page as a file: one file, nothing loaded, and a policy that lets only its own script and style work."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from reader import PAGE

from troth.trees.keccak import keccak

SOURCE = PAGE.read_text(encoding="utf-8")


class Elements(HTMLParser):
    """`found`: every element's tag and attributes."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keeps it."""
        self.found.append((tag, dict(attrs)))


ELEMENTS = Elements(SOURCE).found


def policy() -> dict[str, list[str]]:
    """The content security policy: directives to sources."""
    (content,) = (a["content"] for _, a in ELEMENTS if a.get("http-equiv") == "Content-Security-Policy")
    assert content
    return {name: sources for name, *sources in (part.split() for part in content.split(";"))}


@pytest.mark.parametrize("tag", ["script", "style"])
def test_hash_in_the_policy_is_that_of_the_page(tag: str) -> None:
    """After a change, put the expected one into the meta element."""
    (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", SOURCE, re.DOTALL)
    fresh = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
    assert policy()[f"{tag}-src"] == [f"'sha256-{fresh}'"]


def test_policy_allows_nothing_else_but_the_questions() -> None:
    """Nothing is loaded, framed, submitted or read as markup; data: is for the icon."""
    rest = {name: sources for name, sources in policy().items() if name not in ("script-src", "style-src")}
    assert rest == {
        "default-src": ["'none'"],
        "img-src": ["data:"],
        "connect-src": ["http:", "https:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["'none'"],
    }


def test_policy_stands_before_anything_it_governs() -> None:
    """What comes before a policy in a meta element is not held to it."""
    tags = [tag for tag, _ in ELEMENTS]
    where = next(i for i, (_, a) in enumerate(ELEMENTS) if a.get("http-equiv") == "Content-Security-Policy")
    assert not {"script", "style", "link", "img"} & set(tags[:where])
    assert tags.count("script") == tags.count("style") == 1


def test_page_refers_to_nothing_outside_of_itself() -> None:
    """No source, no link, no import, no address of anybody's."""
    for tag, attributes in ELEMENTS:
        for name in ("src", "href", "srcset", "action", "data", "poster", "background"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, name)
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
    assert "@import" not in SOURCE
    assert "url(" not in SOURCE
    addresses = set(re.findall(r"https?://[^\s'\"`<>)…]+", SOURCE))
    assert addresses <= {"http://www.w3.org/2000/svg", "https://.", "http://.", "https://"}


@pytest.mark.parametrize(
    "word",
    [
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval(",
        "Function(",
        "import(",
        "DOMParser",
    ],
)
def test_script_has_no_way_from_text_to_markup_or_code(word: str) -> None:
    """What the policy forbids is not attempted either."""
    assert word not in SOURCE


def test_script_asks_in_one_place_only() -> None:
    """Both questions; and the selector of the eth_call is that of the contract's function."""
    assert SOURCE.count("fetch(") == 1
    assert not re.search(
        r"XMLHttpRequest|WebSocket|EventSource|sendBeacon|RTCPeer|Worker\(|localStorage|indexedDB", SOURCE
    )
    selector = keccak(b"commitments(uint256,uint256,uint256)")[:4].hex()
    assert f'const COMMITMENTS = "{selector}"' in SOURCE


def test_functions_are_short() -> None:
    """A reader of the script can hold each in mind."""
    for body in re.findall(r"^(?:async )?function .*?^}$", SOURCE, re.DOTALL | re.MULTILINE):
        assert body.count("\n") < 45, body.split("\n")[0]

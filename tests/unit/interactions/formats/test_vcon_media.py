"""Files a vCon holds by reference: read through and compared where they lie beside it, and nowhere else."""

from __future__ import annotations

import json
import os
import socket
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import new
from pathlib import Path
from typing import Any

import pytest

from troth.errors import Problem
from troth.interactions.formats import Received, reread

UUID = "018e4f1c-7a52-8d1e-9c40-5f2b6a7d3e11"
SOUND = bytes(range(256)) * 9000  # more than is read at a time

Put = Callable[..., Path]
Taken = Callable[..., list[Received]]
Refused = Callable[..., Problem]


def hash_of(data: bytes, name: str = "sha512") -> str:
    """A vCon's content_hash."""
    return f"{name}-{urlsafe_b64encode(new(name, data).digest()).decode().rstrip('=')}"


def vcon(url: Any, content_hash: Any = None, where: str = "dialog", **members: Any) -> str:
    """A vCon that holds one file by reference."""
    holder = {"type": "recording", "start": "2026-03-01T10:00:00Z", "url": url, **members}
    if content_hash is not None:
        holder["content_hash"] = content_hash
    return json.dumps(
        {"vcon": "0.4.0", "uuid": UUID, "created_at": 0, "parties": [{"tel": "1"}], where: [{}, holder]}
    )


@pytest.fixture
def sound(put: Put) -> Path:
    """A recording, below the folder of the vCon `vcons/call.vcon`."""
    return put(SOUND, "vcons/media/call 1.wav")


@pytest.mark.parametrize("where", ["dialog", "attachments", "analysis"])
@pytest.mark.parametrize("url", ["media/call%201.wav", "media/call 1.wav", "./media/../media/call%201.wav"])
def test_file_beside_the_vcon_is_taken_by_its_hash(
    put: Put, taken: Taken, sound: Path, url: str, where: str
) -> None:
    """By a path from the vCon's folder, wherever in the vCon it stands."""
    assert taken(put(vcon(url, hash_of(SOUND), where), "vcons/call.vcon"))


@pytest.mark.parametrize("host", ["", "//", "//localhost"])
def test_file_is_taken_by_its_url(put: Put, taken: Taken, sound: Path, host: str) -> None:
    """An absolute one, into the vCon's folder."""
    url = f"file:{host}{sound}".replace(" ", "%20")
    assert taken(put(vcon(url, hash_of(SOUND)), "vcons/call.vcon"))


@pytest.mark.parametrize(
    "said",
    [
        hash_of(SOUND) + "==",
        hash_of(SOUND, "sha256"),
        hash_of(SOUND, "sha384"),
        hash_of(SOUND).replace("sha512", "sha-512"),
        [hash_of(SOUND, "sha256"), hash_of(SOUND)],
        ["shake128-AAAA", hash_of(SOUND)],
    ],
)
def test_hash_is_taken_in_every_notation(put: Put, taken: Taken, sound: Path, said: Any) -> None:
    """With padding, of other lengths, several at once, beside one of a kind that is not known."""
    assert taken(put(vcon("media/call 1.wav", said), "vcons/call.vcon"))


@pytest.mark.parametrize("alg", ["SHA-512", "sha512"])
def test_hash_is_taken_as_the_first_version_wrote_it(
    put: Put, taken: Taken, refused: Refused, sound: Path, alg: str
) -> None:
    """In `alg` and `signature`; it must fit all the same."""
    right, wrong = (hash_of(data).partition("-")[2] for data in (SOUND, SOUND[1:]))
    assert taken(put(vcon("media/call 1.wav", alg=alg, signature=right), "vcons/call.vcon"))
    problem = refused(put(vcon("media/call 1.wav", alg=alg, signature=wrong), "vcons/call.vcon"))
    assert "another sha512" in problem.reason


@pytest.mark.parametrize(
    "said",
    [
        hash_of(SOUND[:-1]),
        hash_of(SOUND + b"\0", "sha256"),
        [hash_of(SOUND), hash_of(b"", "sha256")],
        hash_of(b""),
    ],
)
def test_file_is_refused_with_another_hash(put: Put, refused: Refused, sound: Path, said: Any) -> None:
    """Every hash of a known kind must fit."""
    problem = refused(put(vcon("media/call 1.wav", said), "vcons/call.vcon"))
    assert "another sha" in problem.reason
    assert (problem.column, problem.value) == ("/dialog/1/url", "media/call 1.wav")


@pytest.mark.parametrize("url", ["media/call 1.wav", "https://insurer.example/1.wav"])
@pytest.mark.parametrize(
    ("said", "rule"),
    [
        (None, "without a hash"),
        ([], "without a hash"),
        ("", "no hash"),
        ("sha512", "no hash"),
        ("sha512-", "no hash"),
        ("sha512-AAAA", "not 64 bytes"),
        ("sha512-A", "not 64 bytes"),
        (hash_of(SOUND) + "A", "no hash"),
        (hash_of(SOUND).replace("sha512", "sha256"), "not 32 bytes"),
        ("sha512-" + "+" * 86, "no hash"),
        ("sha512-" + "é" * 86, "no hash"),
        (7, "not a string"),
        ([hash_of(SOUND), None], "not a string"),
    ],
)
def test_reference_is_refused_without_a_hash(
    put: Put, refused: Refused, url: str, said: Any, rule: str
) -> None:
    """Here and elsewhere: without one, the reference says nothing."""
    put(SOUND, "vcons/media/call 1.wav")
    problem = refused(put(vcon(url, said), "vcons/call.vcon"))
    assert rule in problem.reason
    assert problem.column == "/dialog/1/content_hash"


def test_hash_of_an_unknown_kind_is_no_hash_of_a_file_here(
    put: Put, taken: Taken, refused: Refused, sound: Path
) -> None:
    """What can be checked must be; elsewhere it is taken as said."""
    assert "sha512" in refused(put(vcon("media/call 1.wav", "blake3-AAAA"), "vcons/call.vcon")).reason
    assert taken(put(vcon("https://insurer.example/1.wav", "blake3-AAAA"), "vcons/call.vcon"))


@pytest.mark.parametrize(
    "url",
    [
        "https://insurer.example/1.wav",
        "http://127.0.0.1:9/1.wav",
        "//insurer.example/1",
        "s3:bucket/1",
        "C:\\1.wav",
    ],
)
def test_file_elsewhere_is_taken_as_said(
    put: Put, taken: Taken, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And never fetched."""

    def forbidden(*arguments: Any) -> Any:
        raise AssertionError("no connection is made")

    monkeypatch.setattr(socket.socket, "connect", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    assert taken(put(vcon(url, hash_of(b"")), "vcons/call.vcon"))


@pytest.mark.parametrize(
    "url",
    [
        "../secret.wav",
        "..",
        "media/../../secret.wav",
        "%2e%2e/secret.wav",
        "..%2Fsecret.wav",
        "/etc/hostname",
        "file:///etc/hostname",
        "file:/etc/hostname",
        "file:../secret.wav",
        "file://insurer.example/call.wav",
        "file:///proc/self/environ",
        "link.wav",
        "folder-link/secret.wav",
        "vcons/../../vcons-beside/secret.wav",
        "../vcons-beside/secret.wav",
    ],
)
def test_file_is_refused_outside_the_folder(put: Put, refused: Refused, sound: Path, url: str) -> None:
    """By dots, encoded or not, by an absolute path, by links, by a folder whose name begins the same."""
    path = put(vcon(url, hash_of(SOUND)), "vcons/call.vcon")
    put(SOUND, "secret.wav")
    put(SOUND, "vcons-beside/secret.wav")
    (path.parent / "link.wav").symlink_to("../secret.wav")
    (path.parent / "folder-link").symlink_to("..")
    problem = refused(path)
    assert "leaves the vCon's folder" in problem.reason
    assert (problem.column, problem.value) == ("/dialog/1/url", url)


def test_file_is_refused_of_another_host(put: Put, refused: Refused, sound: Path) -> None:
    """Whatever its path there; it may name a file here."""
    path = put(vcon(f"file://insurer.example{sound}", hash_of(SOUND)), "vcons/call.vcon")
    assert "leaves the vCon's folder" in refused(path).reason


def test_link_within_the_folder_is_followed(put: Put, taken: Taken, sound: Path) -> None:
    """Also where the folder itself is reached by one."""
    path = put(vcon("link.wav", hash_of(SOUND)), "vcons/call.vcon")
    (path.parent / "link.wav").symlink_to(sound)
    assert taken(path)
    (path.parents[1] / "inbox").symlink_to("vcons")
    assert taken(path.parents[1] / "inbox" / "call.vcon")


def test_file_is_refused_that_became_a_link(
    put: Put, refused: Refused, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put in its place after it was judged."""
    path = put(vcon("media/call 1.wav", hash_of(SOUND)), "vcons/call.vcon")
    secret = put(SOUND, "secret.wav")
    judged = os.path.realpath

    def swapped(name: Any, *arguments: Any, **options: Any) -> str:
        found = judged(name, *arguments, **options)
        if str(found) == str(sound):
            sound.unlink()
            sound.symlink_to(secret)
        return found

    monkeypatch.setattr("troth.interactions.formats.media.os.path.realpath", swapped)
    assert "cannot be read" in refused(path).reason


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("media", "directory"),
        ("missing.wav", "No such file"),
        ("file:missing.wav", "No such file"),
        ("call.vcon/x", "cannot be read"),
        ("loop", "cannot be read"),
        ("pipe", "pipe"),
        ("x" * 5000, "cannot be read"),
        ("#here", "names no file"),
        ("%00", "names no file"),
        ("file:", "names no file"),
        ("http://[::1", "no URL"),
    ],
)
def test_file_is_refused_that_cannot_be_read(
    put: Put, refused: Refused, sound: Path, url: str, rule: str
) -> None:
    """A folder, nothing, a link to itself, a pipe nobody writes to, a name that is none."""
    path = put(vcon(url, hash_of(SOUND)), "vcons/call.vcon")
    (path.parent / "loop").symlink_to("loop")
    os.mkfifo(path.parent / "pipe")
    problem = refused(path)
    assert rule in problem.reason
    assert problem.value == url[:65]


def test_url_is_refused_that_is_no_text(put: Put, refused: Refused) -> None:
    """And none at all is no reference: the content is in the vCon."""
    assert refused(put(vcon(["a"], hash_of(b"")), "a.vcon")).column == "/dialog/1/url"


@pytest.mark.parametrize("url", [None, ""])
def test_content_in_the_vcon_is_no_reference(put: Put, taken: Taken, url: Any) -> None:
    """A url that says nothing asks for no hash."""
    assert taken(put(vcon(url, body="hello", encoding="none"), "a.vcon"))


def test_file_is_not_looked_for_when_a_vcon_is_read_again(put: Put, taken: Taken, sound: Path) -> None:
    """It was compared when the record was taken, and may since be kept elsewhere."""
    (found,) = taken(put(vcon("media/call 1.wav", hash_of(SOUND)), "vcons/call.vcon"))
    sound.unlink()
    assert reread("vcon", found.raw).fields == found.fields
    assert json.loads(found.fields["/dialog/1/content_hash"]) == hash_of(SOUND)

"""A real browser, with no way to any machine but this one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright
from reader import Reader

OPTIONS = [
    "--no-sandbox",  # Chromium's sandbox does not run as root
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Names of other machines do not resolve; "page.test" is this one, but not one a browser trusts.
    "--host-resolver-rules=MAP page.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, as the system has it. A module's, not the session's: beside it no test can run asyncio."""
    chromium = os.environ.get("TROTH_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium: install the package chromium, or name the program in TROTH_CHROMIUM")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=OPTIONS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[Reader]:
    """A window of 1280 by 800, in which the tests of a module are run one after the other."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield Reader(context)
    context.close()


@pytest.fixture
def anyone(window: Reader) -> Reader:
    """A reader who has not opened the page, and whose console may say anything."""
    window.forget()
    return window


@pytest.fixture
def reader(anyone: Reader) -> Iterator[Reader]:
    """A reader with the page open from the disk. Its console must stay empty."""
    yield anyone.open()
    assert anyone.console == []

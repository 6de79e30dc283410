"""Somebody who checks receipts with the page: opens it, gives it files, asks a node, and reads what it says.

Everything the browser sends and every message on its console is kept, for tests to look at.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext

PAGE = Path(__file__).parents[2] / "verifier" / "verify_receipt.html"
SETTLED = "#verdict[data-verdict]:not([data-verdict=busy])"

# Gives the page's own `verify` many files, and for each the commitment found or what is refused.
JUDGE = """async (files) => {
  const judged = [];
  for (const file of files) {
    try {
      const found = await verify(Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0)));
      judged.push({ commitment: toHex(found.last.commitment) });
    } catch (error) {
      judged.push({ refused: error instanceof Refused ? error.message : null, crashed: String(error) });
    }
  }
  return judged;
}"""


class Reader:
    """A window of a browser. `requests`: method and URL of each, in order. `console`: what was said there."""

    def __init__(self, context: BrowserContext) -> None:
        self.page = context.new_page()
        self.requests: list[tuple[str, str]] = []
        self.console: list[str] = []
        self.page.on("request", lambda request: self.requests.append((request.method, request.url)))
        self.page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.console.append(f"uncaught: {error}"))
        self.page.on("dialog", self._dismissed)

    def _dismissed(self, dialog: Any) -> None:
        """The page never opens one."""
        self.console.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def forget(self) -> None:
        """Leaves the page, and all that was kept of it."""
        self.page.goto("about:blank")
        self.page.emulate_media(media="screen", color_scheme="light")
        self.requests.clear()
        self.console.clear()

    def open(self, url: str = PAGE.as_uri()) -> Reader:
        """Opens the page, from the disk unless said otherwise."""
        self.page.goto(url)
        return self

    def choose(self, file: bytes, name: str = "receipt.json") -> str:
        """Chooses a file, and waits for the verdict."""
        self.page.set_input_files(
            "#file", {"name": name, "mimeType": "application/json", "buffer": file}, timeout=60_000
        )
        return self.verdict()

    def ask(self, url: str) -> str:
        """Asks a node, and waits for the verdict."""
        return self._submit("#node", url)

    def compare(self, fingerprint: str) -> str:
        """Compares with a fingerprint, and waits for the verdict."""
        return self._submit("#commitment", fingerprint)

    def _submit(self, field: str, text: str) -> str:
        if not self.page.is_visible(field):
            self.page.click("#again > summary")
        self.page.fill(field, text)
        self.page.press(field, "Enter")
        return self.verdict()

    def verdict(self) -> str:
        """proved, open, refused or unreadable, once there is one."""
        self.page.wait_for_selector(SETTLED, timeout=60_000)
        return self.page.get_attribute("#verdict", "data-verdict") or ""

    def word(self) -> str:
        """The first line of the verdict."""
        return self.text("#verdict .word")

    def text(self, selector: str = "body") -> str:
        """What is to be read there, in one line, apostrophes as keyboards have them."""
        return re.sub(r"\s+", " ", self.page.inner_text(selector)).strip().replace("\u2019", "'")

    def lines(self, selector: str) -> list[str]:
        """What is to be read in each element of that kind, folded up or not."""
        found = self.page.eval_on_selector_all(selector, "all => all.map(one => one.textContent)")
        return [re.sub(r"\s+", " ", each).strip() for each in found]

    def judge(self, files: Sequence[bytes]) -> list[dict[str, Any]]:
        """What the page's checks say of many files, without showing them."""
        encoded = [base64.b64encode(file).decode() for file in files]
        judged: list[dict[str, Any]] = self.page.evaluate(JUDGE, encoded)
        return judged

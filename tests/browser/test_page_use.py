"""How the page is used: by keyboard, by dropping a file, on paper, on a telephone, in the dark, anywhere."""

from __future__ import annotations

import pytest
from ledger import local_node
from playwright.sync_api import Browser
from reader import PAGE, Reader
from support.handmade_receipts import Contact, Stream, four_kinds, subject, written

PAINTED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
DROP = """([files, kind]) => {
  const carried = new DataTransfer();
  for (const [name, text] of files) carried.items.add(new File([text], name));
  if (kind === "text") carried.setData("text/plain", "no file");
  const event = new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true });
  document.querySelector("h1").dispatchEvent(event);
  return event.defaultPrevented;
}"""


def test_receipt_dropped_anywhere_on_the_page_is_checked(reader: Reader) -> None:
    """Beside the field too, where a browser would leave the page to show the file."""
    text = written(four_kinds()["inclusion"][1]).decode()
    assert reader.page.evaluate(DROP, [[["dropped.json", text]], "files"]) is True
    assert reader.verdict() == "open"
    assert "dropped.json" in reader.text("#verdict")


@pytest.mark.parametrize(
    ("files", "kind", "said"),
    [([["a", "1"], ["b", "2"]], "files", "one receipt at a time"), ([], "text", "That was no file")],
)
def test_drop_of_anything_else_is_explained(
    reader: Reader, files: list[list[str]], kind: str, said: str
) -> None:
    """And what was shown of another receipt is gone."""
    reader.choose(written(four_kinds()["inclusion"][1]))
    assert reader.page.evaluate(DROP, [files, kind]) is True
    assert reader.verdict() == "unreadable"
    assert reader.word() == "NOT CHECKED"
    assert said in reader.text("#verdict")
    assert not reader.page.is_visible("#report")


def test_file_larger_than_the_limit_is_not_read(reader: Reader) -> None:
    """256 MiB and a byte; the page names the other verifier."""
    reader.page.evaluate(
        "() => { checkFile(new File([new Uint8Array(256 * 1024 * 1024 + 1)], 'large.json')); }"
    )
    assert reader.verdict() == "unreadable"
    assert "larger than 256 MiB" in reader.text("#verdict")
    reader.page.evaluate("() => { checkFile(new File([new Uint8Array(1024 * 1024)], 'small.json')); }")
    assert reader.verdict() == "refused"


def test_file_that_vanishes_is_not_checked(reader: Reader) -> None:
    """A folder, or a file moved after it was chosen."""
    gone = "{ name: 'x', size: 1, arrayBuffer: () => Promise.reject(new Error('gone')) }"
    reader.page.evaluate(f"() => checkFile({gone})")
    assert reader.verdict() == "unreadable"
    assert "cannot read it" in reader.text("#verdict")


def test_everything_is_reached_and_done_by_keyboard(reader: Reader) -> None:
    """Tab to the file, whose field shows the focus; then node, fingerprint, what is folded up."""
    page = reader.page
    page.evaluate(PAINTED)  # keys pressed before a page was painted are dropped
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "file"
        assert page.locator("#drop").evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
        page.keyboard.press("Enter")
    stream, receipt = four_kinds()["completeness"]
    file = {"name": "r.json", "mimeType": "application/json", "buffer": written(receipt)}
    chooser.value.set_files(file)  # type: ignore[arg-type]
    assert reader.verdict() == "open"
    reached = []
    for _ in range(5):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert reached[:4] == ["node", "Ask", "commitment", "Compare"]
    page.keyboard.press("Enter")
    assert reached[4] == "2 fields, all withheld"
    assert page.locator(".timeline details").first.evaluate("one => one.open")
    page.focus("#commitment")
    page.keyboard.type(stream.commitment(3))
    page.keyboard.press("Enter")
    assert reader.verdict() == "proved"
    assert page.evaluate("document.activeElement.id") == "verdict"


def test_verdict_is_announced_and_all_is_named(reader: Reader) -> None:
    """To who does not see the page: a live region, labels, headings, cells with their heads."""
    reader.choose(written(four_kinds()["inclusion"][1]))
    page = reader.page
    assert page.get_attribute("#verdict", "aria-live") == "polite"
    assert page.get_attribute("#verdict", "role") == "status"
    assert page.get_by_role("textbox", name="Ask a computer that keeps a copy of the ledger").count() == 1
    assert page.get_by_role("textbox", name="Or compare with a fingerprint").count() == 1
    assert page.get_by_label("Choose the receipt to check").count() == 1
    assert page.get_by_role("rowheader", name="/outcome").count() == 1
    assert page.get_by_role("table").first.get_by_role("columnheader").count() == 2
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.evaluate("document.documentElement.lang") == "en"
    named = "all => all.every((one) => one.textContent || one.labels.length)"
    assert page.eval_on_selector_all("button, input", named) is True


SCREENS = [(width, scheme) for width in (320, 360, 768, 1280) for scheme in ("light", "dark")]


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_page_fits_screen_and_can_be_read(browser: Browser, width: int, scheme: str) -> None:
    """Nothing runs out at the side, and text stands off from what is behind it by 4.5 to 1 (WCAG 2.2 AA)."""
    context = browser.new_context(viewport={"width": width, "height": 800})
    reader = Reader(context).open()
    reader.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    document = {f"/{'long' * 40}": '"' + "W" * 400 + '"', "/id": '"c-1"'}
    stream = Stream([[Contact(1, document=document)]])
    wide = stream.disclosure(0, ["link", "raw", f"/{'long' * 40}"])
    for file in map(written, [wide, *(receipt for _, receipt in four_kinds().values())]):
        reader.choose(file)
        reader.page.eval_on_selector_all("details", "all => { for (const one of all) one.open = true; }")
        assert reader.page.evaluate("document.documentElement.scrollWidth") <= width
        assert reader.page.evaluate(OUTSIDE) == []
        assert reader.page.evaluate(CONTRASTS) == []
        reader.choose(file[:-9])
        assert reader.page.evaluate(CONTRASTS) == []
    reader.choose(written(stream.inclusion(0)))
    reader.compare(stream.commitment(1))
    assert reader.page.evaluate(CONTRASTS) == []
    context.close()


# What reaches beyond the card it stands in.
OUTSIDE = """() => [...document.querySelectorAll("section *")].filter((one) =>
  one.getBoundingClientRect().right > one.closest("section").getBoundingClientRect().right + 1
).map((one) => `${one.tagName} ${one.textContent.slice(0, 40)}`)"""

# The texts on the page that stand off by less than 4.5 to 1, by the formula of WCAG 2.2.
CONTRASTS = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const linear = (one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = parts(colour).map((one) => linear(one / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if (parts(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const low = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !one.checkVisibility() || ["SCRIPT", "STYLE", "NOSCRIPT"].includes(one.tagName)) continue;
    const [a, b] = [light(getComputedStyle(one).color), light(behind(one))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push(`${one.tagName} ${one.className} ${one.textContent}`);
  }
  return low;
}"""


def test_print_has_everything_unfolded_and_no_controls(reader: Reader) -> None:
    """For a file, or a court; afterwards the page is as it was."""
    stream, receipt = four_kinds()["inclusion"]
    reader.choose(written(receipt))
    reader.compare(stream.commitment(1))
    page = reader.page
    folded = page.locator("details:not([open])").count()
    assert folded > 0
    page.emulate_media(media="print")
    page.evaluate("() => { dispatchEvent(new Event('beforeprint')); }")
    assert page.locator("details:not([open])").count() == 0
    for hidden in ("#drop", "#ask", "#compare"):
        assert not page.is_visible(hidden)
    assert page.is_visible("text=PROVED >> nth=0")
    page.evaluate("() => { dispatchEvent(new Event('afterprint')); }")
    assert page.locator("details:not([open])").count() == folded
    assert len(page.pdf()) > 10_000


def test_page_works_from_localhost_as_from_the_disk(anyone: Reader) -> None:
    """Served as one file; nothing else is asked of the server."""
    with local_node() as server:
        server.pages["/verify_receipt.html"] = PAGE.read_bytes()
        own = f"{server.url}verify_receipt.html"
        anyone.open(own)
        assert anyone.choose(written(four_kinds()["completeness"][1])) == "open"
        assert {url for _, url in anyone.requests if url.startswith("http")} == {own}
    assert anyone.console == []


def test_page_on_an_unprotected_connection_says_what_to_do(anyone: Reader) -> None:
    """A browser computes no hashes for a page that came by plain http from another machine."""
    with local_node() as server:
        server.pages["/verify_receipt.html"] = PAGE.read_bytes()
        anyone.open(server.url.replace("127.0.0.1", "page.test") + "verify_receipt.html")
        assert anyone.page.evaluate("isSecureContext") is False
        assert anyone.verdict() == "unreadable"
        assert "Save the page to your disk and open it from there" in anyone.text("#verdict")
        assert not anyone.page.is_visible("#drop")
    assert anyone.console == []


def test_page_without_scripts_says_that_it_needs_them(browser: Browser) -> None:
    """In place of doing nothing."""
    context = browser.new_context(java_script_enabled=False)
    reader = Reader(context).open()
    assert "needs JavaScript" in reader.page.inner_text("noscript")
    context.close()


def test_first_lines_have_no_jargon(reader: Reader) -> None:
    """A person who has never seen a blockchain follows them."""
    first = f"{reader.text('header')} {reader.text('#drop')}".lower()
    for word in ("chain", "hash", "merkle", "commitment", "node", "rpc", "crypto"):
        assert word not in first
    reader.choose(written(four_kinds()["completeness"][0].completeness(subject(1))))
    said = reader.text("#verdict").lower()
    for word in ("blockchain", "hash", "merkle", "commitment", "node", "rpc"):
        assert word not in said

"""What an e-mail looks like, for a page that shows one: its paragraphs, no styles, no links.

Nothing of the mail's HTML reaches the page: only words, which the template escapes. A link in a
sample leads nowhere, and one of them would unsubscribe, so an address is cut to its host.
"""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

ADDRESS = re.compile(r"(https?://)([^\s/]+)/\S*")
UNSEEN = {"head", "style", "script", "title"}
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "wbr"}  # never end
LOOKS = {"from": "strong", "button": "button", "url": "small", "small": "small"}  # by class
STRONG = {"h1", "h2", "h3", "strong"}
THE_REST = {"foot": "small"}  # from here on
BLOCKS = {"p", "div", "td", "li", "tr", "table", "h1", "h2", "h3", "br"}


@dataclass(frozen=True, kw_only=True)
class Block:
    """One paragraph. `look` is `strong`, `button`, `small` or empty."""

    words: str
    look: str = ""


def blocks_of(html: str) -> list[Block]:
    """Return the paragraphs of an e-mail's HTML part in order, as a reader sees them."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.blocks


def without_links(text: str) -> str:
    """Return a text whose addresses are cut to their host: "https://portal.example/..."."""
    return ADDRESS.sub(r"\1\2/...", text)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._words: list[str] = []
        self._look, self._rest, self._unseen = "", "", 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if self._unseen or tag in UNSEEN or _is_hidden(given):
            self._unseen += tag not in VOID
            return
        if tag in BLOCKS:
            self._end()
        self._note(tag, (given.get("class") or "").split())

    def _note(self, tag: str, names: list[str]) -> None:
        """Take from a tag and its classes how what follows looks."""
        self._rest = next((THE_REST[name] for name in names if name in THE_REST), self._rest)
        if tag in STRONG and not "".join(self._words).strip():
            self._look = "strong"
        self._look = next((LOOKS[name] for name in names if name in LOOKS), self._look)

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            self._unseen -= 1
        elif tag in BLOCKS:
            self._end()

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._words.append(data)

    def _end(self) -> None:
        words = " ".join("".join(self._words).split())
        if words:
            self.blocks.append(Block(words=without_links(words), look=self._look or self._rest))
        self._words, self._look = [], ""

    def close(self) -> None:
        super().close()
        self._end()


def _is_hidden(given: dict[str, str | None]) -> bool:
    """Return whether a reader does not see an element, such as the line before the letter."""
    style = (given.get("style") or "").replace(" ", "")
    return "display:none" in style or "preheader" in (given.get("class") or "").split()

"""What GitHub makes of Markdown: cmark-gfm's HTML, and what its filters find in the text of it.

cmark-gfm is GitHub's own renderer. Its filters look at text outside code and links afterwards,
where nothing is left of Markdown's escapes. Their rules:

- mentions: github.com/gjtorikian/html-pipeline at c99d76d, once GitHub's own, `MentionFilter`,
  `TeamMentionFilter` and `IGNORE_PARENTS`;
- issues, commits and addresses: docs.github.com, "Autolinked references and URLs". It gives forms,
  no expressions; those here find more than the forms;
- emoji: html-pipeline's `EmojiFilter`, for every name but numbers, of which 100 and 1234 are emoji;
- formulas: docs.github.com, "Writing mathematical expressions", on how a dollar sign is none.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

import cmarkgfm
from cmarkgfm.cmark import Options

_VOID = {"br", "hr", "img"}
_IGNORED = {"pre", "code", "a", "style", "script"}
FOUND = {
    "mention": re.compile(
        r"(?:^|\W)@((?>[a-z0-9][a-z0-9-]*))(?!/)(?=\.+[ \t\W]|\.+$|[^0-9a-zA-Z_.]|$)",
        re.IGNORECASE | re.MULTILINE,
    ),
    "team": re.compile(
        r"(?:^|(?<=\W))@([a-z0-9][a-z0-9-]*)(?:/|&#47;?)([a-z0-9][a-z0-9\-_]*)\b", re.IGNORECASE
    ),
    "issue": re.compile(r"#\d|\bGH-\d", re.IGNORECASE),
    "commit": re.compile(r"(?<![0-9a-z])[0-9a-f]{7,40}(?![0-9a-z])", re.IGNORECASE),
    "address": re.compile(r"[a-z][a-z0-9+.-]*://|www\.|\w@\w", re.IGNORECASE),
    "emoji": re.compile(r":(?!(?!100:|1234:)\d+:)[a-z0-9_+-]+:", re.IGNORECASE),
}


class Shown(HTMLParser):
    """Markdown as GitHub shows it.

    Attributes:
        tags: the tags that begin, in their order.
        active: what is more than text: what the filters find, and formulas.
        text: what can be read, without zero-width spaces and with single blanks.
    """

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.active: list[tuple[str, str]] = []
        self.comments: list[str] = []
        self._open: list[str] = []
        self._words: list[str] = []
        self._run = ""
        html = cmarkgfm.github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE)
        self.feed(html)
        self.close()
        self._look()

    @property
    def text(self) -> str:
        """See the class."""
        return " ".join("".join(self._words).replace("\u200b", "").split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        """See HTMLParser."""
        self._look()
        self.tags.append(tag)
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """See HTMLParser."""
        self._look()
        assert self._open.pop() == tag

    def handle_comment(self, data: str) -> None:
        """See HTMLParser."""
        self._look()
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        """See HTMLParser."""
        self._words.append(data)
        if not _IGNORED & set(self._open):
            self._run += data
            if "$" in data and (self._open[-1], data) != ("span", "$"):
                self.active.append(("formula", data))

    def _look(self) -> None:
        """Filters see one text node after the other."""
        self.active += [
            (name, self._run) for name, found in FOUND.items() if found.search(self._run)
        ]
        self._run = ""

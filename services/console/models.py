"""The models that are shown: who is champion and challenger, what the gate said, and each version's card."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from riskloom.errors import RegistryError
from riskloom.ledger.desk import Desk
from riskloom.lifecycle.champions import roll_back_champion, take_canary_back
from riskloom.registry import ModelStore, Record, Verdict, read_record, read_verdict
from riskloom.registry.store import CARD, PLOTS

_PLOT = re.compile(r"[a-z][a-z0-9_]{0,60}\.png")
#: The card's own title is the page's; its other headings stand a level below the page's sections.
_LEVELS = {"h2": "h3", "h3": "h4"}


@dataclass(frozen=True, slots=True)
class ShownVersion:
    """A model version: what the gate decided, or why that could not be read, and its card as HTML."""

    version: str
    verdict: Verdict | None
    trouble: str | None
    card: str | None


class ModelShelf:
    """
    Where models are looked up.

    Args:
        records: The folder with who is champion.
        store: The folder with the versions.
    """

    def __init__(self, records: Path, store: ModelStore) -> None:
        self._records = records
        self._store = store

    def record(self, domain: str) -> Record:
        """Who is champion and challenger, and how it came to be."""
        return read_record(self._records, domain)

    def roll_back(self, desk: Desk, domain: str, *, seen: str, reason: str) -> Record:
        """
        Return to the champion before the one that was seen; audited in the desk's transaction.

        Raises:
            RegistryError: There is none before it, or it is gone or changed.
            MovedError: Another version is champion by now.
        """
        return roll_back_champion(desk, self._records, self._store, domain, seen=seen, reason=reason)

    def take_canary_back(self, desk: Desk, domain: str, *, seen: str, reason: str) -> Record:
        """
        Give every subject back to the champion; audited in the desk's transaction.

        Raises:
            MovedError: Another version is canary by now, or none.
        """
        return take_canary_back(desk, self._records, domain, seen=seen, reason=reason)

    def versions(self, domain: str) -> Sequence[str]:
        """All versions, the newest first."""
        return self._store.versions(domain)[::-1]

    def version(self, domain: str, version: str) -> ShownVersion | None:
        """One version; None where it is not there. A verdict whose signature does not fit is trouble, and not shown."""
        if version not in self._store.versions(domain):
            return None
        try:
            verdict, trouble = read_verdict(self._store, domain, version), None
        except RegistryError as error:
            verdict, trouble = None, str(error)
        return ShownVersion(version, verdict, trouble, self._card(domain, version))

    def plot(self, domain: str, version: str, name: str) -> Path | None:
        """A picture of a version's card; None where there is none of that name."""
        if version not in self._store.versions(domain) or not _PLOT.fullmatch(name):
            return None
        path = self._store.folder(domain, version) / PLOTS / name
        return path if path.is_file() else None

    def _card(self, domain: str, version: str) -> str | None:
        path = self._store.folder(domain, version) / CARD
        return render_card(path.read_text(encoding="utf-8"), f"/models/{domain}/{version}") if path.is_file() else None


def render_card(text: str, folder: str) -> str:
    """
    A model card as HTML, without its title; markup that the text holds is shown, not obeyed.

    Args:
        text: Markdown, as training wrote it.
        folder: The address below which the card's plots are served.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    if tokens and tokens[0].tag == "h1":
        tokens = tokens[3:]
    for token in tokens:
        token.tag = _LEVELS.get(token.tag, token.tag)
        # Alignment comes as a style attribute, which the pages' policy does not allow.
        if style := token.attrs.pop("style", None):
            token.attrJoin("class", str(style).replace("text-align:", "to-"))
        for child in token.children or ():
            if child.type == "image":
                child.attrSet("src", f"{folder}/{child.attrGet('src')}")
    return str(markdown.renderer.render(tokens, markdown.options, {}))

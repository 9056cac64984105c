"""The changes of stages as an Atom feed (RFC 4287), and badges for a README. Pure."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from mlgitops import words
from mlgitops.report.wording import version_or_empty
from mlgitops.system import secrets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlgitops.history.stays import Stay
    from mlgitops.site.values import ModelShown, Origin

_ATOM = "http://www.w3.org/2005/Atom"


def atom(changes: Iterable[tuple[ModelShown, Stay]], origin: Origin, base: str) -> str:
    """The feed.

    Args:
        changes: the newest first.
        origin: where the data come from.
        base: the address of the site; empty if it is not known: links are relative to the feed's.
    """
    ET.register_namespace("", _ATOM)
    feed = ET.Element(f"{{{_ATOM}}}feed")
    _add(feed, "title", f"Changes of stages: {origin.file}")
    _add(feed, "id", _id(origin.registry, origin.file))
    listed = list(changes)
    newest = listed[0][1].came if listed else origin.made
    _add(feed, "updated", newest.isoformat(timespec="seconds"))
    _add(feed, "link", rel="self", href=f"{base}feed.xml")
    _add(feed, "link", href=f"{base}index.html")
    for model, stay in listed:
        entry = _add(feed, "entry")
        version = version_or_empty(stay.version)
        _add(entry, "title", f"{stay.model} {stay.stage}: {version}")
        when = stay.came.isoformat(timespec="seconds")
        _add(entry, "id", _id(origin.registry, stay.model, stay.stage, version, when, stay.commit))
        _add(entry, "updated", when)
        _add(_add(entry, "author"), "name", stay.by)
        _add(entry, "link", href=f"{base}models/{model.key}.html")
        _add(entry, "summary", stay.reason or stay.subject or "No reason given.")
    return ET.tostring(feed, encoding="unicode", xml_declaration=True)


def _add(parent: ET.Element, name: str, text: str = "", **attributes: str) -> ET.Element:
    made = ET.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)
    if text:
        made.text = words.plain(secrets.hidden(text))
    return made


def _id(*parts: str) -> str:
    """The same for the same parts, wherever the site is published."""
    return uuid.uuid5(uuid.NAMESPACE_URL, "\n".join(parts)).urn

"""What models.yaml said before, read at the cost of what it says otherwise now.

Of ten thousand entries a commit changes one. An entry whose lines are in both texts is not parsed
again: a key that no file has stands in its place, and only if the parser finds that key exactly
where models are listed, the lines are an entry there, too, and mean what they mean now. A text that
cannot be cut without doubt (anchors, several documents, broken YAML, entries in one line) is parsed
whole.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.core.desired import MODELS, PROMPTS
from mlgitops.core.scope import changed_keys
from mlgitops.errors import DesiredStateError
from mlgitops.file import checks
from mlgitops.file.document import MAX_BYTES, boundary, parse
from mlgitops.file.load import Source, source
from mlgitops.file.texts import Texts

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence
    from pathlib import Path

    from mlgitops.core.desired import Desired
    from mlgitops.file.document import Document

    Entry = tuple[str, str]  # section, name

_KEY = "mlgitops-says-the-same-as-now-"
_BREAKS = ("\x85", "\u2028", "\u2029")  # of lines, for YAML but not for us


def earlier(texts: Texts, file: Path, revision: str, now: Source) -> Desired:
    """What the texts of an earlier revision say by themselves.

    Args:
        texts: what the file and those that it included were.
        file: beside which the team's own modules are looked for.
        revision: named in problems.
        now: what the files are.

    Raises:
        DesiredStateError: with every problem found.
    """
    if texts.whole == now.texts.whole:
        return now.desired
    named = f"{file} of {revision}"
    return _cut(texts, named, file, now) or source(texts, named, file).desired


def _cut(texts: Texts, named: str, file: Path, now: Source) -> Desired | None:
    """What texts say; None where they have to be parsed whole."""
    if texts.problems:
        return None
    known = {one.path: one for one in now.texts.included}
    same = {
        known[one.path].name
        for one in texts.included
        if one.path in known and one.text == known[one.path].text
    }
    others = tuple(
        one for one in texts.included if one.path not in known or known[one.path].name not in same
    )
    try:
        rest, kept = _shortened(texts, named, now)
        found = source(replace(rest, included=others), named, file).desired
    except DesiredStateError:
        return None
    kept += [name for name, model in now.desired.models.items() if model.where.file in same]
    return _whole(found, kept, now.desired)


def _shortened(texts: Texts, named: str, now: Source) -> tuple[Texts, list[str]]:
    """The text of models.yaml without entries that it has now, too, and their names.

    Raises:
        DesiredStateError: what is left is not YAML.
    """
    text = texts.text
    if not (_is_plain(text) and _is_plain(now.text) and _KEY not in text):
        return texts, []
    indent, entries = _entries(now)
    if not entries or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return texts, []
    rest, runs = _without(text, indent, entries)
    sections = {f"{_KEY}{n}": {entries[lines][0] for lines in run} for n, run in enumerate(runs)}
    document = parse(rest, named)
    if not _takes_out(document, sections):
        return texts, []
    return Texts(text=rest, document=document), [entries[one][1] for run in runs for one in run]


def _is_plain(text: str) -> bool:
    """Whether lines are what we take for lines, and no directive changes what follows it."""
    returns = text.count("\r") == text.count("\r\n")
    return returns and not any(one in text for one in ("\n%", *_BREAKS)) and text[:1] != "%"


def _entries(now: Source) -> tuple[int, Mapping[str, Entry]]:
    """How deep entries stand, and the lines of each that is followed by another of its section."""
    document, body = now.document, now.text[now.document.bom :]
    found: dict[str, Entry] = {}
    if document.nodes.anchors:
        return 0, found
    indents: set[int] = set()
    for section, keys in _listed(document):
        starts = [document.nodes.starts[key] for key in keys.values()]
        indent = document.lines.place(starts[0])[1] - 1
        indents.add(indent)
        for name, (start, following) in zip(keys, pairwise(starts), strict=False):
            found[body[start - indent : following - indent - 1]] = section, str(name)
    return (indents.pop(), found) if len(indents) == 1 else (0, {})


def _listed(document: Document) -> Iterator[tuple[str, Mapping[Hashable, int]]]:
    """The sections that list entries line by line, each with the nodes of their keys by name."""
    for section in (MODELS, PROMPTS):
        place = document.place((section,))
        keys = {name: key or 0 for name, (key, _) in document.children((section,)).items()}
        starts = document.nodes.starts
        if place and keys and starts[place[1]] == starts[next(iter(keys.values()))]:  # no brace
            yield section, keys


def _without(
    text: str, indent: int, entries: Mapping[str, Entry]
) -> tuple[str, Sequence[Sequence[str]]]:
    """A text with a key instead of each run of known entries, as many lines long; and the runs."""
    kept: list[str] = []
    runs: list[list[str]] = []
    in_run = False
    *pieces, end = boundary(indent).split(text)
    for lines in pieces:
        if lines in entries:
            if not in_run:
                runs.append([])
                kept.append(f"{' ' * indent}{_KEY}{len(runs) - 1}:")
            kept[-1] += "\n" * (lines.count("\n") + in_run)
            runs[-1].append(lines)
        else:
            kept.append(lines)
        in_run = lines in entries
    # the end of a text may lack the line break that the same lines have elsewhere
    return "\n".join([*kept, end]), runs


def _takes_out(document: Document, sections: Mapping[str, set[str]]) -> bool:
    """Whether each key stands for entries of the section in which it is found; removes them."""
    data, nodes = document.data, document.nodes
    if document.problems or nodes.aliases:
        return False
    places = {name: (one, key) for one, keys in _listed(document) for name, key in keys.items()}
    for name, of in sections.items():
        section, key = places.get(name, ("", 0))
        if of != {section} or data[section].pop(name) is not None:
            return False
        nodes.left_out.add(key)
    return True


def _whole(found: Desired, kept: Sequence[str], now: Desired) -> Desired | None:
    """With what was not parsed; None where both together may be wrong, or mean something else."""
    names = {*kept}
    twice = len(names) < len(kept) or not names.isdisjoint(found.models)
    if twice or changed_keys(found, now):
        return None
    models = {**{name: now.models[name] for name in now.models if name in names}, **found.models}
    whole = replace(found, models=MappingProxyType(models))
    return None if any(checks.model_names_differ_by_more_than_case(whole)) else whole

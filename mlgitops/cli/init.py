"""The verb that makes a team's repository."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlgitops import __version__
from mlgitops.cli.options import Target, registry_options, tell, warn
from mlgitops.cli.progress import progress
from mlgitops.cli.start import import_from, tell_imported
from mlgitops.errors import UsageError
from mlgitops.file.load import loads
from mlgitops.scaffold import kept, lock, place, render
from mlgitops.scaffold.answers import Answers, GitHub
from mlgitops.words import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.file.importing import Imported
    from mlgitops.scaffold.place import Placed

_MODELS = "models.yaml"


@click.command(
    epilog="""\b
Examples:
  mlgitops init farm
  mlgitops init farm --registry https://mlflow.example.org
  mlgitops init --force README.md            overwrite this file with the template's
"""
)
@click.argument(
    "folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path, file_okay=False)
)
@click.option(
    "--github",
    "edition",
    type=click.Choice([one.value for one in GitHub]),
    default=GitHub.TEAM.value,
    show_default=True,
    help="Where the workflows run: GitHub of this plan, or Enterprise Server.",
)
@click.option(
    "--engine",
    metavar="REQUIREMENT",
    help="The mlgitops to lock, such as 'mlgitops[all]==1.2.0'.  [default: the one that is "
    "installed]",
)
@click.option(
    "--force", "forced", metavar="FILE", multiple=True, help="Overwrite this file without asking."
)
@click.option("--demo", "then_demo", is_flag=True, help="Then run the demo there.")
@registry_options
def init(
    folder: Path,
    edition: str,
    engine: str | None,
    forced: tuple[str, ...],
    then_demo: bool,
    target: Target,
) -> None:
    """Make a team's repository, or add to one.

    Writes models.yaml, training/, workflows, CODEOWNERS, the lock of mlgitops and a README into
    DIR, by default the current folder. If you name a registry, models.yaml says what its stages
    hold; otherwise it is an example. A file that is there already and differs is shown, and is
    only overwritten if you say so. Everything is checked before anything is written.
    """
    answers = Answers(github=GitHub(edition))
    rendered = render.team(answers)
    made = _imported(target)
    models = {_MODELS: made.text} if made else {}
    engine = engine or lock.engine()
    texts = rendered | models | _locked(folder, engine)
    loads(texts[_MODELS], _MODELS)
    if unknown := sorted({*forced} - texts.keys()):
        raise UsageError(f"--force {unknown[0]}: init writes {', '.join(texts)}")
    found = place.look(folder, texts)
    place.look(folder, kept.texts(_kept(answers, rendered)))
    if made:
        tell_imported(made, folder / _MODELS)
    if "file://" in engine:
        warn(f"{lock.LOCK} names a file of this machine ({engine}), which runners must have too")
    written = [one for one in found if _wanted(one, forced)]
    for one in written:
        place.write(folder, one.name, one.text)
    left = {one.name for one in found if one.differs} - {one.name for one in written}
    before = kept.read(folder)
    base = {name: before.files[name] for name in left & before.files.keys()} if before else {}
    own = {name: text for name, text in rendered.items() if name not in left}
    kept.write(folder, _kept(answers, own | base))
    _tell_next(folder, len(written), left, target)
    if then_demo:
        from mlgitops.cli.demo import demonstrate

        demonstrate(folder, folder / target.folder)


def _imported(target: Target) -> Imported | None:
    """What the stages of the registry hold that was named; None if none was."""
    if target.named is None:
        return None
    with progress() as say:
        return import_from(target, say)


def _locked(folder: Path, engine: str) -> dict[str, str]:
    """The lock; the one that lies there if it is of the same engine."""
    there = {name: folder / name for name in (lock.INPUT, lock.LOCK)}
    if all(path.is_file() for path in there.values()):
        texts = {name: path.read_text(encoding="utf-8") for name, path in there.items()}
        if texts[lock.INPUT].strip() == engine:
            return texts
    with progress() as say:
        say(f"locking {engine} and what it needs")
        return lock.texts(engine)


def _kept(answers: Answers, rendered: Mapping[str, str]) -> kept.Kept:
    """What `mlgitops upgrade` is to merge with newer templates; the rest is the team's from now."""
    own = {name: text for name, text in rendered.items() if render.is_maintained(name)}
    return kept.Kept(version=__version__, answers=answers, files=own)


def _wanted(one: Placed, forced: tuple[str, ...]) -> bool:
    """Whether a file is to be written: it is new, or somebody says so who has seen the change."""
    if not one.differs:
        return one.there is None
    for line in one.difference():
        tell(line)
    if one.name in forced:
        return True
    asked = sys.stdin.isatty() and sys.stdout.isatty()
    return asked and click.confirm(f"Overwrite {one.name}?", default=False, err=True)


def _tell_next(folder: Path, written: int, left: set[str], target: Target) -> None:
    for name in sorted(left):
        tell(f"left as it is: {name}; to overwrite it: mlgitops init --force {name}")
    tell(f"wrote {count(written, 'file')} into {folder}")
    registry = target.named.registry if target.named else "ADDRESS"
    tell(f"next: MLFLOW_TRACKING_URI={registry} mlgitops plan; what to set on GitHub: README.md")

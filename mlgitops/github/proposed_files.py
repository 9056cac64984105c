"""The files that a pull request proposes, written over those of the base branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.errors import DesiredStateError, GitHubError
from mlgitops.file.texts import folder_of, read
from mlgitops.system import files

if TYPE_CHECKING:
    from pathlib import Path

    from mlgitops.file.texts import Included, Texts


def overwrite(file: Path, proposed: Texts) -> None:
    """Make models.yaml and what it includes as proposed, and change nothing else.

    A pattern may reach any YAML file of the checkout, whose code reads some as its settings: only
    what was included before is overwritten or removed, and only new files are added.

    Raises:
        DesiredStateError: what is proposed includes what it cannot.
        GitHubError: it includes a file that the base branch uses for something else.
    """
    if proposed.problems:
        raise DesiredStateError(proposed.problems)
    base = folder_of(file)
    before = {base / one.path for one in _before(file)}
    after = {base / one.path: one.text for one in proposed.included}
    for path in sorted(after.keys() - before):
        if taken := _taken(base, path):
            raise GitHubError(
                f"{taken} is in the base branch, which does not include it; include files of other "
                "names, or include it in a pull request of its own that is merged first"
            )
    for path in before - after.keys():
        path.unlink()
    files.write_text(file, proposed.text)
    for path, text in after.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(path, text)


def _before(file: Path) -> tuple[Included, ...]:
    try:
        return read(file).included
    except DesiredStateError:
        return ()


def _taken(base: Path, path: Path) -> Path | None:
    """What is in the place of a new file, or of a folder of it; a link may lead anywhere."""
    above = (one for one in path.parents if one.is_relative_to(base) and one != base)
    if found := next((one for one in above if one.is_symlink() or one.is_file()), None):
        return found
    return path if path.exists() or path.is_symlink() else None

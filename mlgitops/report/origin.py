"""Where the report of a plan comes from, for its head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops import __version__
from mlgitops.report.parts import Code, Link
from mlgitops.words import when

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mlgitops.report.parts import Cell

_COMMIT = 12  # characters


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What was planned against what, and when.

    Attributes:
        registry: its address, or where the embedded one is.
        commit: the one that is checked out; None outside of a repository.
        uncommitted: models.yaml, or what it includes, is not as that commit has it.
        pull_request: its number and page, where a run is about one.
        run: its number and page, on GitHub Actions.
        made: with its time zone.
    """

    registry: str
    commit: str | None
    uncommitted: bool
    pull_request: Link | None
    run: Link | None
    made: datetime

    @property
    def facts(self) -> Iterator[tuple[str, Cell]]:
        """Each of them that is known, and what it is called."""
        from importlib import metadata

        yield "registry", self.registry
        if self.commit:
            yield "commit", Code(self.commit[:_COMMIT])
        if self.uncommitted:
            yield "models.yaml", "not as committed"
        if self.pull_request:
            yield "pull request", self.pull_request
        if self.run:
            yield "run", self.run
        yield "made", when(self.made)
        yield "mlgitops", __version__
        yield "MLflow", metadata.version("mlflow")

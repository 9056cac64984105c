"""A deployment's kustomization in a folder: what is there, and what is to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.core.stage import alias_of
from mlgitops.deploy.gitops import render
from mlgitops.deploy.gitops.render import Mark, Part
from mlgitops.deploy.kubernetes.objects import objects
from mlgitops.deploy.values import Action, Served, State, Step
from mlgitops.errors import MlgitopsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mlgitops.core.deployments import DesiredDeployment
    from mlgitops.core.desired import Desired
    from mlgitops.deploy.gitops.having import Found
    from mlgitops.deploy.images import Image
    from mlgitops.deploy.values import Wanted


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """The files that a folder is to have, and what that changes for each stage."""

    folder: Path
    files: Mapping[str, str]
    whose: tuple[str, str]
    steps: Sequence[Step]

    def write(self) -> None:
        """Write them.

        Raises:
            NotEmptyError: a file of somebody else is in the way.
            FileWriteError: one cannot be written.
        """
        render.write(self.folder, self.files, self.whose)


class Folder:
    """A deployment as a kustomization."""

    def __init__(
        self,
        deployment: DesiredDeployment,
        desired: Desired,
        place: str,
    ) -> None:
        """Of a declared deployment.

        Args:
            deployment: of kind `kubernetes` or `gitops`.
            desired: models.yaml, whose owner is known.
            place: as people write it.
        """
        self._it, self._place = deployment, place
        self.owner = desired.owner
        self._whose = (self.owner, deployment.name)
        self._pairs = {(model, alias_of(stage)) for model, stage in deployment.pairs(desired)}

    def served(self, folder: Path) -> list[Served]:
        """What a folder's own files say."""
        return [
            Served(
                deployment=self._it.name,
                place=self._place,
                model=mark.model,
                stage=mark.stage,
                state=State.SERVING,
                version=mark.version,
                digest=mark.digest,
                image=mark.image,
                commit=mark.commit,
                replicas=self._it.replicas.least,
            )
            for mark, _ in render.marks(folder, self._whose).values()
            if mark.model
        ]

    def change(
        self,
        folder: Path,
        wanted: Sequence[Wanted],
        images: Found,
    ) -> Change:
        """What a folder is to have, given the image of each version.

        A stage whose image is not there keeps the file that it has, and so does one of which
        nobody can say what it is to serve. Nothing is written.

        Raises:
            NotEmptyError: a file of somebody else is in the way.
        """
        before = render.marks(folder, self._whose)
        kept = {name: text for name, (mark, text) in before.items() if mark.model}
        steps, parts = [], []
        for one in wanted:
            name = Mark(owner="", deployment="", model=one.model, stage=one.stage).name
            image = images.get((one.model, one.stage))
            old, text = before.get(name, (None, ""))
            if one.version is None:
                kept.pop(name, None)
                steps.append(self._step(one, old, Action.WITHDRAW if old else Action.NOTHING))
                continue
            if image is None or isinstance(image, MlgitopsError):
                steps.append(self._without(one, old, image))
                continue
            part = self._part(one, image)
            kept.pop(name, None)
            parts.append(part)
            steps.append(self._compared(one, old, text, render.text_of(part)))
        listed = {(one.model, alias_of(one.stage)) for one in wanted} | self._pairs
        for name, (mark, _) in before.items():
            if mark.model and (mark.model, alias_of(mark.stage)) not in listed:
                del kept[name]
                steps.append(self._pruned(mark))
        files = render.folder_of(parts, owner=self.owner, deployment=self._it.name, kept=kept)
        render.check(folder, files, self._whose)
        return Change(folder=folder, files=files, whose=self._whose, steps=steps)

    def _part(self, one: Wanted, image: Image) -> Part:
        mark = Mark(
            owner=self.owner,
            deployment=self._it.name,
            model=one.model,
            stage=one.stage,
            version=str(one.version),
            image=image.reference,
            digest=image.payload,
            commit=one.commit,
        )
        made = objects(
            self._it,
            self.owner,
            one,
            image=image.reference,
            digest=image.payload,
            about={"pull-request": one.pull_request, "actor": one.actor},
        )
        return Part(mark=mark, objects=made)

    def _compared(self, one: Wanted, old: Mark | None, before: str, after: str) -> Step:
        if old is None:
            return self._step(one, old, Action.CREATE)
        if before == after:
            return self._step(one, old, Action.NOTHING)
        replaced = old.version != str(one.version)
        details = () if replaced else tuple(render.changes(before, after))
        return self._step(one, old, Action.REPLACE if replaced else Action.CHANGE, details)

    def _without(self, one: Wanted, old: Mark | None, image: MlgitopsError | None) -> Step:
        """What is to be done for a version whose image is not there."""
        if isinstance(image, MlgitopsError):
            return self._step(one, old, Action.NOTHING, trouble=str(image))
        action = Action.CREATE
        if old is not None:
            action = Action.REPLACE if old.version != str(one.version) else Action.CHANGE
        return self._step(one, old, action, ("image: to be built and pushed",))

    def _step(
        self,
        one: Wanted,
        old: Mark | None,
        action: Action,
        details: tuple[str, ...] = (),
        trouble: str = "",
    ) -> Step:
        before = old.version if old else ""
        return one.step(
            action, self._it.name, self._place, old=before, details=details, trouble=trouble
        )

    def _pruned(self, mark: Mark) -> Step:
        return Step(
            action=Action.PRUNE,
            deployment=self._it.name,
            place=self._place,
            model=mark.model,
            stage=mark.stage,
            old=mark.version,
        )

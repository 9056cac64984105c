"""A deployment that writes the digest of one image into a team's own file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlgitops.core.deployments import GitopsRepository
from mlgitops.deploy.gitops import field
from mlgitops.deploy.values import Action, Served, State, Step
from mlgitops.errors import EditError, MlgitopsError
from mlgitops.errors.deploying import GitopsPathError
from mlgitops.image import publish, spec
from mlgitops.system import files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlgitops.core.deployments import DesiredDeployment
    from mlgitops.core.desired import Desired
    from mlgitops.deploy.gitops.having import Found
    from mlgitops.deploy.values import Wanted

_LARGEST = 2**24  # bytes of the team's file


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """The text that a file is to have, None for the one that it has."""

    path: Path
    text: str | None
    steps: Sequence[Step]

    def write(self) -> None:
        """Write it.

        Raises:
            FileWriteError: it cannot be written.
        """
        if self.text is not None:
            files.write_text(self.path, self.text)


class Single:
    """A deployment as one value of a team's file."""

    def __init__(
        self,
        deployment: DesiredDeployment,
        desired: Desired,
        place: str,
    ) -> None:
        """Of a declared deployment; the arguments are those of `mlgitops.deploy.gitops.folder`."""
        assert isinstance(deployment.place, GitopsRepository), "of kind gitops"
        assert deployment.place.field is not None, "with `set`"
        self._it, self._place, self._field = deployment, place, deployment.place.field
        self.owner = desired.owner
        self._images = desired.images
        self._pairs = list(deployment.pairs(desired))

    def served(self, folder: Path) -> list[Served]:
        """What the file says, and of which version the image says it is."""
        digest = field.digest_in(self._read(folder / self._field.file), self._field)
        state = State.SERVING if digest else State.EMPTY
        return [
            replace(
                self._image(model, digest),
                deployment=self._it.name,
                place=self._place,
                stage=stage,
                state=state,
                replicas=self._it.replicas.least,
            )
            for model, stage in self._pairs
        ]

    def change(
        self,
        folder: Path,
        wanted: Sequence[Wanted],
        images: Found,
    ) -> Change:
        """What the file is to say, given the version's image. Nothing is written.

        Raises:
            DesiredStateError: the file is not YAML.
            EditError: it has no such value, or one that cannot be edited in place.
            GitopsPathError: there is no such file.
        """
        path = folder / self._field.file
        before = self._read(path)
        digest = field.digest_in(before, self._field)
        if not wanted:
            return Change(path=path, text=None, steps=())
        one = wanted[0]
        image = images.get((one.model, one.stage))
        old = self._image(one.model, digest).version
        if one.version is None:
            trouble = (
                f"the stage is empty, and {self._field.file} still says {digest}; remove what "
                "serves it there"
            )
            step = self._step(one, old, Action.NOTHING, trouble=trouble if digest else "")
            return Change(path=path, text=None, steps=(step,))
        if isinstance(image, MlgitopsError):
            step = self._step(one, old, Action.NOTHING, trouble=str(image))
            return Change(path=path, text=None, steps=(step,))
        action = Action.REPLACE if digest else Action.CREATE
        if image is None:
            step = self._step(one, old, action, ("image: to be built and pushed",))
            return Change(path=path, text=None, steps=(step,))
        after = field.with_image(before, self._field, image.reference)
        if after == before:
            step = self._step(one, str(one.version), Action.NOTHING)
            return Change(path=path, text=None, steps=(step,))
        detail = f"{self._field.file} {self._field.path}: {digest or 'empty'} → {image.digest}"
        return Change(path=path, text=after, steps=(self._step(one, old, action, (detail,)),))

    def _image(self, model: str, digest: str) -> Served:
        """Of which version a digest's image says it is; of none where that cannot be had."""
        found = Served(deployment="", place="", model=model, stage="", state=State.UNKNOWN)
        if not digest or not self._images:
            return found
        reference = f"{self._images}/{spec.image_name(model)}@{digest}"
        try:
            seen = publish.look(reference)
        except MlgitopsError:
            seen = None
        labels = seen.labels if seen else {}
        return replace(
            found,
            image=reference,
            version=labels.get("mlgitops.version", ""),
            digest=labels.get("mlgitops.digest", ""),
        )

    def _read(self, path: Path) -> str:
        try:
            return files.read_text(path, limit=_LARGEST)
        except FileNotFoundError as error:
            raise GitopsPathError(
                f"there is no {self._field.file} in {self._place}; correct `set` and `path`"
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise EditError(f"{self._field.file} cannot be read: {error}") from error

    def _step(
        self,
        one: Wanted,
        old: str,
        action: Action,
        details: tuple[str, ...] = (),
        trouble: str = "",
    ) -> Step:
        return one.step(
            action, self._it.name, self._place, old=old, details=details, trouble=trouble
        )

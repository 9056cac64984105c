"""The kinds of gates that models.yaml may have: to add one, write its file and name it here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Discriminator, Tag

from mlgitops.gates.form import GateForm

# the files, each named by the key that tells its kind in models.yaml
_FILES = (
    "metric",
    "worst_slice",
    "signature",
    "promoted_from",
    "same_dataset",
    "max_artifact_size",
    "max_latency",
    "requires_tag",
    "python",
)


def _form_in(file: str) -> type[GateForm]:
    """The form that a file of this folder defines."""
    found = vars(import_module(f"mlgitops.gates.{file}")).values()
    return next(
        form
        for form in found
        if isinstance(form, type) and issubclass(form, GateForm) and form is not GateForm
    )


GATES = {file: _form_in(file) for file in _FILES}


def _kind(value: object) -> str | None:
    if isinstance(value, dict):
        return next((f"<{key}>" for key in GATES if key in value), None)
    return None


if TYPE_CHECKING:
    AnyGate = GateForm
else:
    # the tags are written as those of `mlgitops.gates.metric` are
    _TAGGED = tuple(Annotated[form, Tag(f"<{key}>")] for key, form in GATES.items())
    AnyGate = Annotated[Union[_TAGGED], Discriminator(_kind)]  # noqa: UP007 - made from a tuple

"""The packages of an image: the model's as it asks for them, and the server's, which yield. Pure.

What the server needs depends on what the model asks for: early MLflow answers requests by way of
Flask, and pyarrow must suit the model's NumPy. So the model's and the server's are resolved
together; where what comes out asks for others beside them, once more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.version import Version

from mlgitops.errors import ImageError, ResolveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mlgitops.image.spec import Spec

    # requirements and constraints, PEP 508, to a lock; raises ResolveError
    Resolve = Callable[[Iterable[str], Iterable[str]], str]

_LOCKED = re.compile(r"^([a-z0-9][a-z0-9-]*)==([^\s;\\]+)", re.MULTILINE)
_NO_SOLUTION = re.compile("^error: No solution found when resolving dependencies cause: ")
_MLFLOW, _PARQUET = ("mlflow-skinny", "mlflow"), "pyarrow"
_READS_PARQUET = Version("3.10")  # the first MLflow that does
_WITHOUT_FLASK = Version("2.21")  # the first MLflow whose scoring server does without
_OLD = ("flask", "setuptools<81")  # setuptools: some of those versions import its pkg_resources
_OLDEST_PYTHON = (3, 9)  # that the server runs with
_NUMPY_1 = "pyarrow<26"  # the last that NumPy 1 will do for


@dataclass(frozen=True, kw_only=True, slots=True)
class _Task:
    """What is to be resolved: the model's requirements with their constraints, and the server's."""

    own: tuple[str, ...]
    constraints: tuple[str, ...]
    server: tuple[str, ...]
    resolve: Resolve

    def lock(self, server: Iterable[str], limits: Iterable[str] = ()) -> str:
        """The lock of the model's requirements and some of the server's.

        Raises:
            ResolveError: there is none.
        """
        return self.resolve([*self.own, *server], [*self.constraints, *limits])


def locked(wish: Spec, server: Sequence[str], resolve: Resolve) -> str:
    """The lock of an image's packages.

    Args:
        wish: the image, with what the model asks for.
        server: the server's requirements, one a line.
        resolve: requirements and constraints, PEP 508, to a lock; raises ResolveError.

    Raises:
        ImageError: nothing fits; says which packages, what each side wants and what to do.
    """
    if tuple(map(int, wish.python.split("."))) < _OLDEST_PYTHON:
        oldest = ".".join(map(str, _OLDEST_PYTHON))
        raise ImageError(
            f"the model asks for Python {wish.python}, and the server for {oldest} or later; "
            "log the version again with a later Python"
        )
    lines = tuple(line for line in server if line and not line.startswith("#"))
    task = _Task(
        own=(*wish.requirements, *wish.wheels),
        constraints=wish.constraints,
        server=lines,
        resolve=resolve,
    )
    try:
        lock = _best(task, lines)
        found = versions(lock)
        fitting = _fitting(found, lines)
        if fitting == lines:
            return lock
        return _best(task, fitting, _limits(task, fitting, found))
    except ResolveError as error:
        raise ImageError(_why(task, error)) from error


def versions(lock: str) -> dict[str, Version]:
    """The version of each package of a lock, but for those of wheels."""
    return {name: Version(version) for name, version in _LOCKED.findall(lock)}


def _best(task: _Task, server: Sequence[str], limits: Iterable[str] = ()) -> str:
    """The lock; if there is none with pyarrow, without it: then Parquet gets 415."""
    try:
        return task.lock(server, limits)
    except ResolveError:
        fewer = [line for line in server if _name(line) != _PARQUET]
        if len(fewer) == len(server):
            raise
        return task.lock(fewer, limits)


def _fitting(found: Mapping[str, Version], server: tuple[str, ...]) -> tuple[str, ...]:
    """The server's requirements that suit what the model asks for."""
    mlflow, numpy = _mlflow(found), found.get("numpy")
    if mlflow and mlflow < _READS_PARQUET:
        server = tuple(line for line in server if _name(line) != _PARQUET)
    elif numpy and numpy.major < 2:
        server = tuple(_NUMPY_1 if _name(line) == _PARQUET else line for line in server)
    if mlflow and mlflow < _WITHOUT_FLASK:
        server += tuple(line for line in _OLD if _name(line) not in found)
    return server


def _limits(task: _Task, fitting: Sequence[str], found: Mapping[str, Version]) -> tuple[str, ...]:
    """For early MLflow, the versions that its whole package goes with, of which few are needed.

    Its small package leaves open which Flask, pandas and NumPy it was made for.
    """
    mlflow = _mlflow(found)
    if mlflow is None or mlflow >= _WITHOUT_FLASK:
        return ()
    try:
        whole = versions(task.lock([*fitting, f"mlflow=={mlflow}"]))
    except ResolveError:  # it need not be installed
        return ()
    return tuple(f"{name}=={version}" for name, version in whole.items())


def _mlflow(found: Mapping[str, Version]) -> Version | None:
    return next((found[name] for name in _MLFLOW if name in found), None)


def _name(line: str) -> str:
    return Requirement(line).name


def _why(task: _Task, error: ResolveError) -> str:
    """Why there is no lock: the model's requirements alone, or which of the server's."""
    try:
        alone = versions(task.lock(()))
    except ResolveError as own:
        return (
            f"the model's requirements cannot be installed:\n  {_cause(own)}\n"
            "log the version again with pip_requirements that can be"
        )
    clashes = [clash for line in task.server if (clash := _clash(task, line, alone))]
    shown = "\n".join(clashes or [f"  {_cause(error)}"])
    return (
        f"the server's packages do not fit the model's:\n{shown}\n"
        "log the version again with pip_requirements that leave room for the server's"
    )


def _clash(task: _Task, line: str, alone: Mapping[str, Version]) -> str | None:
    """What a requirement of the server's clashes with; None if it fits."""
    try:
        task.lock([line])
    except ResolveError as error:
        wanted = Requirement(line)
        has = alone.get(wanted.name)
        if has and has not in wanted.specifier:
            return f"  {wanted.name}: the model asks for {has}, the server for {wanted.specifier}"
        return f"  {line}: {_cause(error)}"
    return None


def _cause(error: ResolveError) -> str:
    """The reason that uv gives, in one line."""
    return _NO_SOLUTION.sub("", " ".join(str(error).split()))

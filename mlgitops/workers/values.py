"""What goes to workers, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TRIES = 4  # a call whose process is lost is tried three times more


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a call returned, or what is wrong, in words; one of them is None."""

    value: Any = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """A call that is done.

    Attributes:
        name: under which it was given.
        answer: what came of it.
        tries: how often it was begun; more than once where a process was lost.
    """

    name: str
    answer: Answer
    tries: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """What a process needs that is not on its machine; never shown, as it holds secrets.

    Attributes:
        variables: on top of those of the worker.
        code: a zip of modules that can be imported there; empty for none.
    """

    variables: Mapping[str, str] = field(repr=False)
    code: bytes = field(default=b"", repr=False)


class Workers(Protocol):
    """Where calls run.

    Attributes:
        width: how many calls are worth giving at once.
    """

    width: int

    def submit(
        self, name: str, function: Callable[..., object], *arguments: object, priority: int = 0
    ) -> None:
        """Have a function of a module called with arguments that can be pickled.

        Args:
            name: its lines are told under it; no two calls under way have the same.
            function: what is called.
            arguments: for the function.
            priority: a call of a higher one is begun earlier.
        """
        ...

    def next(self) -> Ended:
        """Wait for one of the calls to be done; tell the lines of all meanwhile.

        Raises:
            WorkersLostError: none of them will be.
        """
        ...

    def close(self) -> None:
        """End what runs, with everything that it started."""
        ...

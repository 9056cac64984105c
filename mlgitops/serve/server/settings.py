"""What the server is told by its environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

CGROUP = Path("/sys/fs/cgroup")
_MOST_WORKERS = 8  # without a CPU limit; each holds the model once
_Value = TypeVar("_Value", int, float)


class SettingsError(ValueError):
    """Variables that make no sense; says all of them."""


@dataclass(frozen=True)
class Settings:
    """The server's settings.

    Attributes:
        model: the folder of the model, as MLflow saved it.
        name: the registered model's name, for metrics and logs.
        version: its version.
        digest: `sha256:…` of its payload; empty like the next two where nobody said.
        commit: the commit of models.yaml that put it into its stage.
        image: the id of the image that it runs in.
        compile: whether trees may be compiled whose answers differ in the last bits.
        workers: processes; each holds the model once.
        threads: predictions at the same time in one process.
        queue: predictions that wait for a thread, in one process.
        connections: open connections of one process.
        max_header: the most bytes of a request's line and headers.
        max_bytes: the largest request body that is read.
        max_columns: the most columns of a table that has more than the model asks for.
        max_cells: the most values in a table.
        header_timeout: seconds for a request's line and headers to arrive.
        body_timeout: seconds for its body to arrive.
        write_timeout: seconds for the client to read an answer.
        timeout: seconds until a request is answered with 504; a process whose prediction takes
            longer is replaced.
        start: seconds until a process that has not loaded its model is replaced.
        unanswered: the folder for some of the requests that the model did not answer; None for
            none.
        drain: seconds that requests have to end after SIGTERM.
    """

    model: Path
    name: str = "model"
    version: str = "0"
    digest: str = ""
    commit: str = ""
    image: str = ""
    compile: bool = False
    host: str = "0.0.0.0"  # noqa: S104 - a container's ports are published by who runs it
    port: int = 8080
    workers: int = 1
    threads: int = 1
    queue: int = 64
    connections: int = 512
    max_header: int = 32 * 2**10
    max_bytes: int = 64 * 2**20
    max_columns: int = 10_000
    max_cells: int = 10**7
    header_timeout: float = 10.0
    body_timeout: float = 60.0
    write_timeout: float = 60.0
    timeout: float = 60.0
    start: float = 600.0
    unanswered: Path | None = None
    drain: int = 8

    @property
    def identity(self) -> dict[str, str]:
        """What serves."""
        return {
            "model": self.name,
            "version": self.version,
            "digest": self.digest,
            "commit": self.commit,
            "image": self.image,
        }

    @property
    def too_large(self) -> str:
        """Why a body is refused."""
        return f"the request is larger than {self.max_bytes} bytes"


def read(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process.

    Raises:
        SettingsError: a variable has a value that it cannot have.
    """
    given = os.environ if environment is None else environment
    problems: list[str] = []

    def number(name: str, low: float, default: _Value) -> _Value:
        text = given.get(name, "")
        try:
            value = type(default)(text) if text else default
        except ValueError:
            value = None
        if value is None or not low <= value < 2**40:
            problems.append(f"{name}={text}: must be at least {low:g}")
            return default
        return value

    settings = Settings(
        model=Path(given.get("SERVING_MODEL", "/model")),
        name=given.get("SERVING_NAME", "model"),
        version=given.get("SERVING_VERSION", "0"),
        digest=given.get("SERVING_DIGEST", ""),
        commit=given.get("SERVING_COMMIT", ""),
        image=given.get("SERVING_IMAGE", ""),
        compile=bool(number("SERVING_COMPILE", 0, 0)),
        host=given.get("SERVING_HOST", "0.0.0.0"),  # noqa: S104
        port=number("SERVING_PORT", 1, 8080),
        workers=number("SERVING_WORKERS", 1, cpus()),
        threads=number("SERVING_THREADS", 1, 1),
        queue=number("SERVING_QUEUE", 1, 64),
        connections=number("SERVING_CONNECTIONS", 1, 512),
        max_header=number("SERVING_MAX_HEADER", 256, 32 * 2**10),
        max_bytes=number("SERVING_MAX_BYTES", 1, 64 * 2**20),
        max_columns=number("SERVING_MAX_COLUMNS", 1, 10_000),
        max_cells=number("SERVING_MAX_CELLS", 1, 10**7),
        header_timeout=number("SERVING_HEADER_TIMEOUT", 0.01, 10.0),
        body_timeout=number("SERVING_BODY_TIMEOUT", 0.01, 60.0),
        write_timeout=number("SERVING_WRITE_TIMEOUT", 0.01, 60.0),
        timeout=number("SERVING_TIMEOUT", 0.01, 60.0),
        start=number("SERVING_START_TIMEOUT", 0.01, 600.0),
        unanswered=Path(folder) if (folder := given.get("SERVING_UNANSWERED")) else None,
        drain=number("SERVING_DRAIN", 1, 8),
    )
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def cpus(cgroup: Path = CGROUP) -> int:
    """The processors that this container may use, at least 1.

    Source: the kernel's "Control Group v2", `cpu.max`, and "CFS Bandwidth Control" for version 1:
    quota and period in microseconds.
    """
    limit = min(_quota(cgroup), len(os.sched_getaffinity(0)), _MOST_WORKERS)
    return max(1, int(limit))


def _quota(cgroup: Path) -> float:
    """The limit in processors; infinity if there is none."""
    try:
        if (cgroup / "cpu.max").exists():
            quota, period = (cgroup / "cpu.max").read_text().split()
        else:
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            quota, period = ((cgroup / "cpu" / name).read_text().strip() for name in names)
        return float("inf") if quota in {"max", "-1"} else int(quota) / int(period)
    except (OSError, ValueError):
        return float("inf")

"""The runs: each target in a process of its own, so that one that dies is a finding like others."""

from __future__ import annotations

import faulthandler
import hashlib
import logging
import multiprocessing
import signal
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from mlgitops.errors import MlgitopsError
from tests.fuzz import mutation
from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from types import FrameType

LIMIT = 10  # seconds of CPU time for one input
_SILENCE = 120  # seconds after which a process that waits for something is ended
_LONGEST_ERROR = 200_000  # characters


@dataclass(frozen=True, kw_only=True)
class Finding:
    """An input that was not handled, and what came of it."""

    target: str
    number: int
    text: bytes
    why: str

    @property
    def kind(self) -> str:
        """Findings of one cause have one kind."""
        return f"{self.target}: {self.why.strip().splitlines()[-1][:80]}"

    def save(self, folder: Path) -> Path:
        """Keep the input, named by its content."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.target}-{hashlib.sha256(self.text).hexdigest()[:12]}"
        path.write_bytes(self.text)
        return path


class _SlowError(BaseException):
    """An input took longer than it may; whoever handles exceptions does not handle this."""


def made(target: str, seed: int, number: int) -> bytes:
    """An input: the same one whenever it is asked for."""
    return mutation.of(TARGETS[target].seeds, Random(f"{target} {seed} {number}"))  # noqa: S311


def tried(target: str, texts: dict[int, bytes], folder: Path) -> list[Finding]:
    """What is found with some inputs, in this process."""
    run = TARGETS[target].prepare(folder)
    wrong = {number: _why(run, text) for number, text in texts.items()}
    return [
        Finding(target=target, number=number, text=texts[number], why=why)
        for number, why in wrong.items()
        if why
    ]


def _why(run: object, text: bytes) -> str:
    """Why an input is a finding; empty if it is none."""
    assert callable(run)
    signal.signal(signal.SIGPROF, _late)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
    try:
        run(text)
    except MlgitopsError as error:
        too_long = len(str(error)) > _LONGEST_ERROR
        return f"an error of {len(str(error))} characters" if too_long else ""
    except (Exception, _SlowError):  # noqa: BLE001 - that is what is looked for
        return traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return ""


def _late(_: int, frame: FrameType | None) -> None:
    raise _SlowError(f"over {LIMIT} s, at {frame.f_code.co_qualname if frame else 'nothing'}")


def fuzzed(target: str, seed: int, inputs: int, seconds: float) -> tuple[int, list[Finding]]:
    """How many inputs were tried before the time was over, and what was found."""
    done, found, until = 0, list[Finding](), time.monotonic() + seconds
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        while done < inputs and time.monotonic() < until:
            mine, theirs = context.Pipe(duplex=False)
            left = until - time.monotonic()
            arguments = (theirs, target, seed, range(done, inputs), left, folder)
            process = context.Process(target=_work, args=arguments)
            process.start()
            theirs.close()
            begun = done
            try:
                while mine.poll(_SILENCE):
                    done, told = mine.recv()
                    found += [told] if told else []
                process.kill()
            except EOFError:
                pass
            process.join()
            if process.exitcode:
                text = made(target, seed, done)
                why = f"the process ended with {process.exitcode}"
                found.append(Finding(target=target, number=done, text=text, why=why))
                if done == begun:
                    break  # it is not the input: it does not even start
                done += 1
    return done, found


def _work(
    sender: Connection, target: str, seed: int, numbers: range, seconds: float, folder: str
) -> None:
    faulthandler.enable()
    logging.disable(logging.CRITICAL)
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(dir=folder) as own:
        run = TARGETS[target].prepare(Path(own))
        for number in numbers:
            sender.send((number, None))
            text = made(target, seed, number)
            if why := _why(run, text):
                found = Finding(target=target, number=number, text=text, why=why)
                sender.send((number, found))
            if time.monotonic() > until:
                break
        sender.send((number + 1, None))
    sender.close()

"""The command line of the fuzz session."""

from __future__ import annotations

import secrets
import sys
import tempfile
import time
from pathlib import Path

import click

from mlgitops.words import count
from tests.fuzz.run import Finding, fuzzed, tried
from tests.fuzz.targets import TARGETS

_SHOWN = 12  # lines of what came of a finding


@click.command()
@click.option("--inputs", default=100_000, show_default=True, help="Inputs in all.")
@click.option("--seconds", default=600.0, show_default=True, help="Stop after this time.")
@click.option("--target", "targets", multiple=True, type=click.Choice([*TARGETS]))
@click.option("--seed", type=int, help="Repeat a run.  [default: a new one]")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".mlgitops/fuzz"),
    show_default=True,
    help="Where inputs are kept that were found.",
)
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True))
def main(
    inputs: int,
    seconds: float,
    targets: tuple[str, ...],
    seed: int | None,
    folder: Path,
    file: Path | None,
) -> None:
    """Read what nobody would write; with FILE and --target, read that one again.

    A finding is an exception that no user can act on, an input that takes too long, or a process
    that dies.
    """
    chosen = targets or tuple(TARGETS)
    if file:
        with tempfile.TemporaryDirectory() as made:
            found = tried(chosen[0], {0: file.read_bytes()}, Path(made))
        sys.exit(_shown(found, folder))
    seed = secrets.randbelow(10**9) if seed is None else seed
    click.echo(f"seed {seed}")
    total, every, begun = 0, list[Finding](), time.monotonic()
    for index, target in enumerate(chosen):
        rest = len(chosen) - index
        share = (seconds - (time.monotonic() - begun)) / rest
        started = time.monotonic()
        done, some = fuzzed(target, seed, (inputs - total) // rest, share)
        took = time.monotonic() - started
        click.echo(
            f"{target:8} {count(done, 'input')} in {took:.0f} s, {count(len(some), 'finding')}"
        )
        total, every = total + done, every + some
    click.echo(f"{count(total, 'input')} in {time.monotonic() - begun:.0f} s")
    sys.exit(_shown(every, folder))


def _shown(found: list[Finding], folder: Path) -> int:
    kinds: dict[str, list[Finding]] = {}
    for one in found:
        kinds.setdefault(one.kind, []).append(one)
    for same in kinds.values():
        shortest = min(same, key=lambda one: len(one.text))
        path = shortest.save(folder)
        click.echo(f"\n{shortest.target}: {count(len(same), 'input')}, such as {path}", err=True)
        click.echo("\n".join(shortest.why.strip().splitlines()[-_SHOWN:]), err=True)
        again = f"nox -s fuzz -- --target {shortest.target} {path}"
        click.echo(f"again: {again}", err=True)
    return 1 if found else 0


if __name__ == "__main__":
    main()

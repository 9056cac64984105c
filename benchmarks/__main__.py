"""Run all benchmarks, or those that are named: `nox -s bench -- startup reconcile`.

Those of reconciling, the stack and serving need Docker, and `cluster` needs Kubernetes, too;
`serving` removes its build cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from benchmarks import (
    cluster,
    deploy,
    evidence,
    history,
    intervals,
    reconcile,
    scale_scope,
    serving,
    serving_cpu,
    site,
    stack,
    stack_starts,
    startup,
    training,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCALE = (scale_scope.measure,)


def _scale() -> Iterator[str]:
    """All that is measured of thousands of models."""
    for measure in _SCALE:
        yield from measure()


BENCHMARKS = {
    "startup": startup.measure,
    "history": history.measure,
    "reconcile": reconcile.measure,
    "scale": _scale,
    "site": site.measure,
    "evidence": evidence.measure,
    "intervals": intervals.measure,
    "dask": training.measure,
    "stack": stack.measure,
    "stack-starts": stack_starts.measure,
    "serving": serving.measure,
    "serving-cpu": serving_cpu.measure,
    "deploy": deploy.measure,
    "cluster": cluster.measure,
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHMARKS)))
def main(names: tuple[str, ...]) -> None:
    """Print each figure beside the alternative that it is compared with."""
    for name in names or BENCHMARKS:
        click.secho(f"\n{name}", bold=True)
        for line in BENCHMARKS[name]():
            click.echo(f"  {line}")


if __name__ == "__main__":
    main()

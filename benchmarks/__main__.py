"""Run all benchmarks, or those that are named: `nox -s bench -- startup reconcile`.

Those of reconciling, the stack and serving need Docker; `serving` removes its build cache.
"""

from __future__ import annotations

import click

from benchmarks import (
    deploy,
    evidence,
    history,
    intervals,
    reconcile,
    serving,
    serving_cpu,
    stack,
    stack_starts,
    startup,
)

BENCHMARKS = {
    "startup": startup.measure,
    "history": history.measure,
    "reconcile": reconcile.measure,
    "evidence": evidence.measure,
    "intervals": intervals.measure,
    "stack": stack.measure,
    "stack-starts": stack_starts.measure,
    "serving": serving.measure,
    "serving-cpu": serving_cpu.measure,
    "deploy": deploy.measure,
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

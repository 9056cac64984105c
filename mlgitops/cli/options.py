"""What several verbs share: options, output and the registry they speak to."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from mlgitops import words
from mlgitops.errors import MlgitopsError, UsageError
from mlgitops.report.screen import screen
from mlgitops.system import files, login, secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from mlgitops.registry.address import Address
    from mlgitops.registry.embedded import Embedded
    from mlgitops.registry.registry import MlflowRegistry
    from mlgitops.report.parts import Report
    from mlgitops.report.screen import Screen
    from mlgitops.workers.values import Workers


file_option = click.option(
    "--file",
    "-f",
    type=click.Path(path_type=Path),
    default=Path("models.yaml"),
    show_default=True,
    help="The file that declares the stages.",
)


def _if_there(context: click.Context, parameter: click.Parameter, path: Path) -> Path | None:
    """The default file need not exist; one that was asked for must."""
    asked = context.get_parameter_source(str(parameter.name)) is not ParameterSource.DEFAULT
    return path if asked or path.exists() else None


optional_file_option = click.option(
    "--file",
    "-f",
    type=click.Path(path_type=Path),
    default=Path("models.yaml"),
    show_default=True,
    callback=_if_there,
    help="The file that declares the stages; optional for this command.",
)
deployments_option = click.option(
    "--deployments/--no-deployments",
    default=True,
    help="Ask the places that models.yaml declares what they serve.",
)
models_argument = click.argument("models", nargs=-1)
registry_option = click.option(
    "--registry",
    metavar="URI",
    help="The registry, and its tracking server.  [env: MLFLOW_REGISTRY_URI, MLFLOW_TRACKING_URI; "
    "default: embedded]",
)
state_option = click.option(
    "--state",
    envvar="MLGITOPS_STATE",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".mlgitops"),
    show_default=True,
    help="The folder of the embedded registry.",
)


def formats(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option that says in which format a verb prints."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(names),
        default="text",
        show_default=True,
        help="The output format.",
    )


format_option = formats("text", "markdown", "json")
plain_format_option = formats("text", "json")


def _scheduler(_: click.Context, __: click.Parameter, address: str | None) -> str | None:
    if address is not None and not address.strip():
        raise UsageError("--dask: pass the address of a scheduler, or its scheduler file")
    return address


def dask_option(verb: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option that names a cluster, and what is done there: a verb in the imperative."""
    return click.option(
        "--dask",
        metavar="ADDRESS_OR_FILE",
        callback=_scheduler,
        envvar="MLGITOPS_DASK",
        help=f"{verb} on the Dask cluster of this scheduler, or scheduler file.  "
        "[env: MLGITOPS_DASK]",
    )


def only_option(
    known: Sequence[str], text: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--only STATES`: what a list of states names; all that are known without one."""

    def states(_: click.Context, __: click.Parameter, listed: str | None) -> frozenset[str]:
        if listed is None:
            return frozenset(known)
        found = {one.strip() for one in listed.split(",")}
        if wrong := found - set(known):
            said = f"--only: no state {', '.join(sorted(wrong))!r}"
            raise UsageError(f"{said}; choose from {', '.join(known)}")
        return frozenset(found)

    shown = f"{text} in these states, separated by commas: {', '.join(known)}. All are counted."
    return click.option("--only", metavar="STATES", callback=states, help=shown)


def printed(name: str, line: str) -> None:
    """What a call prints in another process, after its name; this process's own have none."""
    tell(f"{name}: {line}", err=True)


def scoring_on(dask: str | None) -> Callable[[], Workers] | None:
    """What connects to the workers that let versions predict; None for this machine."""
    if dask is None:
        return None

    def hire() -> Workers:
        from mlgitops.workers.joined import joined
        from mlgitops.workers.values import Parcel

        # no variable: who only scores logs in nowhere
        return joined(dask, Parcel(variables={}), printed, extra="review")

    return hire


def _reason(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    try:
        return None if text is None else words.reason(text)
    except ValueError as error:
        raise UsageError(f"--reason: {error}") from error


reason_option = click.option(
    "--reason",
    envvar="MLGITOPS_REASON",
    callback=_reason,
    metavar="TEXT",
    help="Why, in one line, for the commit's trailer `Reason:`.  [env: MLGITOPS_REASON]",
)


_REPORTS = (".md", ".json", ".html")


def _report(_: click.Context, __: click.Parameter, paths: tuple[Path, ...]) -> tuple[Path, ...]:
    for path in paths:
        if path.suffix not in _REPORTS:
            raise UsageError(f"--report {path}: the name must end in .md, .json or .html")
        if not path.parent.is_dir():
            raise UsageError(f"--report {path}: the folder {path.parent} does not exist")
    return paths


report_option = click.option(
    "--report",
    "reports",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    callback=_report,
    help="Also write the report to FILE.md, FILE.json or FILE.html.",
)


@contextmanager
def failures_reported(reports: tuple[Path, ...], *before: str) -> Iterator[None]:
    """Write an error to the reports as well, after some lines, so that people see the cause."""
    try:
        yield
    except MlgitopsError as error:
        if not reports:
            raise
        from mlgitops.report import document, html, markdown

        lines = [*before, *str(error).splitlines()]
        write_reports(
            reports,
            markdown=lambda: markdown.failed(lines),
            document=lambda: document.failed(lines),
            html=lambda: html.failed(lines),
        )
        raise


def write_reports(
    paths: tuple[Path, ...],
    *,
    markdown: Callable[[], str],
    document: Callable[[], Mapping[str, object]],
    html: Callable[[], Iterable[str]],
) -> None:
    """Write a report to files, each in the format that its name ends in.

    Raises:
        FileWriteError: one of them cannot be written.
    """
    makers: dict[str, Callable[[], Iterable[str]]] = {
        ".md": lambda: [markdown()],
        ".json": lambda: [as_json(document())],
        ".html": html,
    }
    for path in paths:
        files.write_pieces(path, makers[path.suffix]())


def as_json(document: Mapping[str, object]) -> str:
    """A document as JSON that is no command to a CI runner, whatever its texts are.

    What cannot be seen is written as JSON's escapes, lone surrogates among them.
    """
    text = secrets.hidden(json.dumps(document, indent=2, ensure_ascii=False))
    unseen = {letter for letter in set(text) if not letter.isprintable()} - {"\n"}
    text = text.translate({ord(letter): json.dumps(letter)[1:-1] for letter in unseen})
    return text.replace("##", "#\\u0023")


def registry_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which registry is meant; the verb gets one `Target`."""

    @wraps(command)
    def with_target(*, registry: str | None, state: Path, **rest: Any) -> Any:
        return command(target=target_at(registry, state), **rest)

    return registry_option(state_option(with_target))


def target_at(registry: str | None, state: Path) -> Target:
    """The registry that the options and variables name, after MLGITOPS_LOGIN has set its own.

    Raises:
        LoginError: the command there failed.
    """
    login.log_in()
    return Target(named=_named(registry), folder=state)


def _named(option: str | None) -> Address | None:
    """What --registry names, else what MLflow's variables name."""
    from mlgitops.registry.address import Address, from_environment, registry_of, tracking_of

    if option:
        return Address(registry=registry_of(option), tracking=tracking_of(option))
    return from_environment(os.environ)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The registry that a verb speaks to: one that is named, or the embedded one in a folder."""

    named: Address | None
    folder: Path

    def connect(self) -> MlflowRegistry:
        """A client of the registry; child processes use the same one.

        Raises:
            RegistryError: it cannot be used.
        """
        from mlgitops.registry.address import Address
        from mlgitops.registry.connect import connect

        address = self.named
        if address is None:
            new = ", which is new and empty" if self._embedded().is_new else ""
            tell(
                f"using the embedded registry in {self.folder}{new}; "
                "for another, set MLFLOW_TRACKING_URI",
                err=True,
            )
            uri = self._embedded().uri
            address = Address(registry=uri, tracking=uri)
        address.publish()
        registry = connect(address.registry, address.tracking)
        click.get_current_context().call_on_close(lambda: _tell_all(registry.repeated))
        return registry

    def page_of(self, run_id: str) -> str | None:
        """The page of a run in MLflow's UI; None where no server shows one."""
        return self.named.page_of(run_id) if self.named else None

    def prepare_experiment(self, name: str) -> None:
        """Make an experiment ready for its first run."""
        if self.named is None:
            self._embedded().prepare_experiment(name)

    def _embedded(self) -> Embedded:
        from mlgitops.registry.embedded import Embedded

        return Embedded(folder=self.folder)


def _tell_all(lines: Iterable[str]) -> None:
    for line in lines:
        tell(line, err=True)


def tell(line: str, *, err: bool = False) -> None:
    """Print one line, whatever the names in it hold."""
    click.echo(words.plain(line), err=err)


def warn(line: str) -> None:
    """Tell what the person who runs the command has to know."""
    tell(f"warning: {line}", err=True)


def show_report(
    form: str,
    report: Report,
    document: Callable[[], Mapping[str, object]],
    html: Callable[[], Iterable[str]] = tuple,
    reports: tuple[Path, ...] = (),
) -> None:
    """Show what is the same for a terminal and for GitHub, as `show` does."""
    from mlgitops.report import markdown, text

    show(
        form,
        text=lambda screen: text.report(report, screen),
        markdown=lambda: markdown.report(report),
        document=document,
        html=html,
        reports=reports,
    )


def show(
    form: str,
    *,
    text: Callable[[Screen], None],
    markdown: Callable[[], str],
    document: Callable[[], Mapping[str, object]],
    html: Callable[[], Iterable[str]],
    reports: tuple[Path, ...],
) -> None:
    """Print a report in the format that was asked for, and write it to files of other formats.

    Verbs that take `report_option` have a page in HTML as well, in pieces.
    """
    write_reports(reports, markdown=markdown, document=document, html=html)
    if form == "json":
        click.echo(as_json(document()))
    elif form == "markdown":
        click.echo(markdown(), nl=False)
    else:
        text(screen())

"""The verb that prints everything recorded about a version."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from mlgitops.cli.options import Target, optional_file_option, registry_options, tell
from mlgitops.cli.past import revisions_or_none
from mlgitops.file.load import load_or_empty
from mlgitops.system import files


@click.command(
    epilog="""\b
Examples:
  mlgitops card power-forecasting-model
  mlgitops card power-forecasting-model Staging --out card.md
  mlgitops card power-forecasting-model 3
"""
)
@click.argument("model")
@click.argument("version", metavar="[STAGE|VERSION]", required=False)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the card to this file."
)
@optional_file_option
@registry_options
def card(
    model: str,
    version: str | None,
    out: Path | None,
    file: Path | None,
    target: Target,
) -> None:
    """Print a model card in Markdown.

    Without STAGE or VERSION, describes the version in production: in the last such stage that
    models.yaml declares, or else the latest version. Downloads the payload.
    """
    from mlgitops.proposal.card import chosen, make_card
    from mlgitops.report.card import markdown

    desired = load_or_empty(file)
    client = target.connect()
    number = chosen(client, model, version, desired.stages)
    revisions = revisions_or_none(file) if file else ()
    made = make_card(client, model, number, desired, revisions)
    text = markdown(made, datetime.now(UTC), client.address.page_of)
    if out is None:
        click.echo(text, nl=False)
        return
    files.write_text(out, text)
    tell(f"{out}: {model} version {number}")

"""The verb that opens pull requests through GitHub's API, from anywhere and without a clone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlgitops.cli.check import version_of
from mlgitops.cli.options import Target, reason_option, registry_options, tell, warn
from mlgitops.cli.progress import progress
from mlgitops.errors import UsageError

if TYPE_CHECKING:
    from mlgitops.core.promotion import Rule
    from mlgitops.core.registry import RegistryReader


@click.command(
    epilog="""\b
Examples:
  mlgitops propose power-forecasting-model Staging 3 --reason "trained on new data"
  mlgitops propose --repository acme/farm-models power-forecasting-model Production none
  mlgitops propose --new                          by the rules of models.yaml
  mlgitops propose --new 'wind-*' --stage Staging --by alias=candidate
"""
)
@click.argument("arguments", nargs=-1, metavar="MODEL STAGE VERSION | --new [MODELS]...")
@click.option(
    "--new", is_flag=True, help="Propose versions that the registry has and no stage holds."
)
@reason_option
@click.option(
    "--stage", default="", help="With --new: the stage of models that have no rule for it."
)
@click.option(
    "--by",
    default="newest",
    show_default=True,
    metavar="RULE",
    help="With --stage: newest, from=STAGE, alias=NAME, tag=NAME[=VALUE] or metric=NAME.",
)
@click.option(
    "--repository",
    metavar="OWNER/NAME",
    default="",
    help="The repository.  [env: GITHUB_REPOSITORY; default: git's origin]",
)
@click.option("--base", default="", help="The branch to merge into.  [default: the default branch]")
@click.option(
    "--file",
    "-f",
    default="models.yaml",
    show_default=True,
    help="The path in the repository of the file that declares the stages.",
)
@registry_options
def propose(
    arguments: tuple[str, ...],
    new: bool,
    reason: str | None,
    stage: str,
    by: str,
    repository: str,
    base: str,
    file: str,
    target: Target,
) -> None:
    """Open a pull request that puts VERSION into a stage.

    Each stage of a model has one pull request, which is updated while it is open. Needs no clone:
    asks GitHub's API with the token in GITHUB_TOKEN or GH_TOKEN, which must be able to write
    contents and pull requests. Shows the comparison of what the registry records, if a registry is
    named.

    With --new, proposes for MODELS, by name or pattern, or for all models, what the rules under
    `promote` in models.yaml choose, and closes what was overtaken. Leaves pull requests alone that
    somebody asked for or pushed to, and proposes no version again that somebody turned down.
    """
    from mlgitops.github import propose as proposing

    where = {"repository": repository, "base": base, "file": file}
    if new:
        if reason:
            raise UsageError("--reason goes with MODEL STAGE VERSION, not with --new")
        if by != "newest" and not stage:
            raise UsageError("--by goes with --stage, which names the stage that has no rule")
        rules = proposing.Rules(models=arguments, stage=stage, rule=_rule(by))
        with progress() as say:
            say("reading the registry")
            proposing.propose_new(target.connect(), rules, tell, warn, **where)
        return
    if len(arguments) != 3 or stage:
        raise UsageError("pass MODEL STAGE VERSION, or --new with the models to look at")
    model, into, version = arguments
    opened = proposing.propose(
        model, into, version_of(version), reason=reason or "", reader=_reader(target), **where
    )
    tell(f"{opened.url} is {opened.what}")


def _reader(target: Target) -> RegistryReader | None:
    """The registry that is named, or the embedded one if it is there: to compare is no must."""
    return target.connect() if target.named or target.folder.exists() else None


def _rule(text: str) -> Rule:
    """The rule that --by names."""
    from mlgitops.core.promotion import NEWEST, Rule

    key, _, name = text.partition("=")
    if text == "newest":
        return NEWEST
    if key == "tag" and name:
        tag, _, value = name.partition("=")
        return Rule(tag=tag, value=value)
    rules = {"from": Rule(origin=name), "alias": Rule(alias=name), "metric": Rule(metric=name)}
    if key not in rules or not name:
        ways = "newest, from=STAGE, alias=NAME, tag=NAME[=VALUE] or metric=NAME"
        raise UsageError(f"--by {text}: pass {ways}")
    return rules[key]

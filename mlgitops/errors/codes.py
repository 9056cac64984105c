"""What each exit code means: for `mlgitops --help`, and for the reference in docs/."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ExitCode:
    """One exit code.

    Attributes:
        code: the number.
        brief: what it means, in a few words.
        meaning: the same in full, in Markdown.
    """

    code: int
    brief: str
    meaning: str


EXIT_CODES = (
    ExitCode(code=0, brief="success", meaning="Success, or nothing to do."),
    ExitCode(
        code=1,
        brief="error",
        meaning=(
            "An error, or a failed check (`pin --check`, `doctor`). `plan` and `apply` changed "
            "nothing; `train`, `run-recipe`, `rebuild`, `image publish` and `github` keep the "
            "steps that they finished before the error."
        ),
    ),
    ExitCode(
        code=2,
        brief="changes are pending (--exit-code)",
        meaning=(
            "Changes are pending (`plan --exit-code`, `deploy --plan --exit-code`), or stages are "
            "wrong (`github drift --exit-code`)."
        ),
    ),
    ExitCode(
        code=3,
        brief="changes were refused or a tried gate failed",
        meaning=(
            "`plan`: a change is refused. `apply`: all changes were refused, and nothing was "
            "changed. `gates try`: a gate failed."
        ),
    ),
    ExitCode(
        code=4,
        brief="a change or a place failed",
        meaning=(
            "A change failed (`apply`, `rebuild`), or a place did (`deploy`). The report says what "
            "was done; run it again for the rest."
        ),
    ),
    ExitCode(
        code=5,
        brief="the smoke test failed",
        meaning="The served model failed its smoke test (`smoke`, `image smoke`, `image prove`).",
    ),
    ExitCode(
        code=6,
        brief="a deployment failed",
        meaning="A deployment or its rehearsal failed; the previous version continues to serve.",
    ),
    ExitCode(
        code=7,
        brief="the image scan failed",
        meaning="The image scan failed: a secret, or a licence or vulnerability that you deny.",
    ),
    ExitCode(
        code=8,
        brief="some changes were refused and the others applied",
        meaning="Some changes were refused, and all others were applied (`apply`).",
    ),
    ExitCode(
        code=64,
        brief="wrong command line",
        meaning="The command line is wrong, or names something that does not exist.",
    ),
    ExitCode(
        code=130,
        brief="interrupted",
        meaning=(
            "Interrupted (Ctrl-C). `apply` finishes the models that it has begun, and reports what "
            "it applied, what is half done and what it did not begin; a second Ctrl-C ends it at "
            "once."
        ),
    ),
    ExitCode(code=143, brief="terminated", meaning="Terminated (SIGTERM). `apply` does the same."),
)

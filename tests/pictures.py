"""The pictures in docs/pictures/, from a real run: nox -s pictures -- [--data PATH].

Runs the demo on a registry of its own, proposes the promotion that it took back, and photographs
what a reviewer then sees: the comment, and the front page of the status site after the merge. Needs
Chromium.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import cmarkgfm
from cmarkgfm.cmark import Options
from PIL import Image

from harness.chromium import window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.chromium import Window

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
MODEL = "power-forecasting-model"
# as wide as a comment on GitHub, and in its style, so that a reader knows what it is
COMMENT_WIDTH, SITE_WIDTH = 900, 1040
SITE_HEIGHT = 500  # without the foot, which names the folder of the registry
_STYLE = """
body { font: 14px/1.5 sans-serif; color: #1f2328; margin: 0; padding: 16px; }
.comment { border: 1px solid #d1d9e0; border-radius: 6px; }
.head { background: #f6f8fa; border-bottom: 1px solid #d1d9e0; padding: 8px 16px; color: #59636e; }
.text { padding: 0 16px 12px; }
table { border-collapse: collapse; display: block; overflow: hidden; margin: 12px 0; }
td, th { border: 1px solid #d1d9e0; padding: 4px 10px; }
code { background: #f0f1f2; border-radius: 4px; padding: 1px 4px; }
"""


def main(arguments: list[str]) -> None:
    """Run the demo, and write a picture of each page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="The wind farm's data; default: the synthetic sample.")
    data = parser.parse_args(arguments).data
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        photograph(Path(folder), Path(data).resolve() if data else None)


def photograph(folder: Path, data: Path | None) -> None:
    """Write all pictures; registry, clone and pages are made in an empty folder."""
    state, site = folder / "state", folder / "site"
    clone = state / "scratch"
    owner = {"MLGITOPS_STATE": str(state), "MLGITOPS_OWNER": "acme/farm-models"}
    variables = {**os.environ, **owner, **({"WINDFARM_DATA": str(data)} if data else {})}
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        variables.pop(name, None)
    given = ["--data", str(data)] if data else []
    _run(ROOT, variables, "demo", "--state", str(state), *given)
    _run(clone, variables, "promote", MODEL, "Production", "2")
    _commit(clone, f"Promote {MODEL} 2 to Production", "Lower error in every metric")
    plan = _run(clone, variables, "plan", "--format", "markdown")
    _run(clone, variables, "apply", "--actor", "ada")
    _run(clone, variables, "site", str(site))
    (folder / "comment.html").write_text(_comment(plan), encoding="utf-8")
    with window(folder / "profile") as browser:
        _take(browser, folder / "comment.html", COMMENT_WIDTH, PICTURES / "comment.png")
        _take(browser, site / "index.html", SITE_WIDTH, PICTURES / "site.png", SITE_HEIGHT)


def _take(browser: Window, page: Path, width: int, file: Path, height: int | None = None) -> None:
    """Photograph a page from its top; all of it without a height."""
    browser.open(page, width=width, script=True)
    whole = browser.chrome.execute_script("return document.documentElement.offsetHeight")
    part = {"x": 0, "y": 0, "width": width, "height": height or whole, "scale": 1}
    shown = browser.chrome.execute_cdp_cmd(
        "Page.captureScreenshot", {"clip": part, "captureBeyondViewport": True}
    )
    _save(base64.b64decode(shown["data"]), file)


def _run(folder: Path, variables: Mapping[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "mlgitops", *arguments]
    done = subprocess.run(command, cwd=folder, env=variables, check=True, stdout=subprocess.PIPE)
    return done.stdout.decode()


def _commit(clone: Path, subject: str, reason: str) -> None:
    who = {"NAME": "Ada", "EMAIL": "ada@example.org"}
    author = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in who.items()}
    message = f"{subject}\n\nReason: {reason}"
    command = ["git", "commit", "--quiet", "--all", "--message", message]
    subprocess.run(command, cwd=clone, env={**os.environ, **author}, check=True)


def _comment(plan: str) -> str:
    """A page with a plan as GitHub shows it in a comment, its details folded."""
    text = cmarkgfm.github_flavored_markdown_to_html(plan, Options.CMARK_OPT_UNSAFE)
    head = "<b>github-actions</b> bot commented"
    return (
        f'<!doctype html><meta charset="utf-8"><style>{_STYLE}</style><div class="comment">'
        f'<div class="head">{head}</div><div class="text">{text}</div></div>'
    )


def _save(picture: bytes, file: Path) -> None:
    """Save a picture of a page with as many colours as it takes to look the same."""
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").quantize(128).save(file, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])

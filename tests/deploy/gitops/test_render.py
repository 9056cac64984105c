"""The folder that kustomize builds: its bytes, its files, and whose they are."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from mlgitops.deploy.gitops import render
from mlgitops.deploy.gitops.render import KUSTOMIZATION, Mark, Part
from mlgitops.errors import NotEmptyError

if TYPE_CHECKING:
    from pathlib import Path

OWNER, NAME = "github.com/acme/farm-models", "farm"
WHOSE = (OWNER, NAME)
IMAGE = f"registry.example.org/ml/wind@sha256:{'a' * 64}"


def part(model: str = "wind", stage: str = "Production", **also: Any) -> Part:
    """A stage with one object."""
    mark = Mark(owner=OWNER, deployment=NAME, model=model, stage=stage, version="3", image=IMAGE)
    shared = {"app": model}
    thing = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "x", "labels": shared, "annotations": shared},
        "data": {"image": IMAGE, **also},
    }
    return Part(mark=mark, objects=[thing])


def files(*parts: Part) -> dict[str, str]:
    """The files of some stages."""
    return render.folder_of(parts, owner=OWNER, deployment=NAME)


def test_the_same_input_gives_the_same_bytes() -> None:
    """In whichever order the stages come."""
    parts = [part(f"model {n}", stage) for n in range(20) for stage in ("Staging", "Production")]
    first = files(*parts)
    again = files(*reversed(parts))
    assert list(again.items()) == list(first.items())


def test_no_two_stages_share_a_file() -> None:
    """Whatever letters their names have."""
    pairs = [("a", "b-c"), ("a-b", "c"), ("a.b", "c"), ("A", "b-c"), ("é", "c"), ("è", "c")]
    assert len(files(*(part(*pair) for pair in pairs))) == len(pairs) + 1


@pytest.mark.parametrize(
    "text",
    [
        *("yes", "no", "on", "y", "N", "null", "~", "", "1", "1.0", "1e3", "0x1F", "0o17", "010"),
        *("123456e7", "12:30:00", "2026-11-27", ".inf", "-", "# x", "a: b", "a #b", " a ", "é"),
        *("1_000", "=", "<<", "{a}", "line\nline", "\t", "*x", "&x", "!x", "a:", "sha256:00e1"),
    ],
)
def test_a_text_stays_a_text(text: str) -> None:
    """For readers of YAML 1.1 and of 1.2, which Kubernetes' tools are mixed of."""
    written = files(part(value=text))["wind-production.yaml"]
    assert yaml.safe_load(written)["data"]["value"] == text
    line = next(line for line in written.splitlines() if line.startswith("  value:"))
    said = line.partition(": ")[2]
    assert said[0] in "'\"" or (text[:1].isalpha() and said == text)
    assert said not in ("y", "N", "1e3", "123456e7", "0o17")


def test_it_is_one_that_kustomize_builds(tmp_path: Path) -> None:
    """With stages, and with none any more."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("there is no kubectl")

    def built() -> list[Any]:
        command = [kubectl, "kustomize", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return list(filter(None, yaml.safe_load_all(done.stdout)))

    render.write(tmp_path, files(part(e="1e3")), WHOSE)
    (one,) = built()
    assert one["data"] == {"image": IMAGE, "e": "1e3"}
    render.write(tmp_path, files(), WHOSE)
    assert built() == []


def test_a_file_says_what_it_serves() -> None:
    """It is read back from the file alone; what is no such file says nothing."""
    mark = replace(part("Prévision\nventes").mark, digest="sha256:1", commit="c0ffee")
    text = files(Part(mark=mark, objects=[]))[mark.name]
    assert render.mark_of(text) == mark
    for broken in ("", "a: b\n", text.partition("\n")[2], text.replace("owner", "own"), text[:-9]):
        assert render.mark_of(broken) is None


def test_what_is_not_listed_any_more_is_removed(tmp_path: Path) -> None:
    """And nothing else: neither a team's file, nor another deployment's or owner's."""
    render.write(tmp_path, files(part("a"), part("b")), WHOSE)
    other = replace(part("c").mark, deployment="other")
    others = render.folder_of([Part(mark=other, objects=[])], owner=OWNER, deployment="other")
    for name, text in {"mine.yaml": "a: b\n", other.name: others[other.name]}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    render.write(tmp_path, files(part("b")), WHOSE)
    found = {path.name for path in tmp_path.iterdir()}
    assert found == {"b-production.yaml", "mine.yaml", "c-production.yaml", KUSTOMIZATION}
    assert yaml.safe_load((tmp_path / KUSTOMIZATION).read_text())["resources"] == [
        "b-production.yaml"
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (KUSTOMIZATION, "resources: []\n"),
        ("kustomization.yml", "resources: []\n"),
        ("wind-production.yaml", "a: b\n"),
        ("wind-production.yaml", "link"),
        (KUSTOMIZATION, render.folder_of([], owner="else", deployment=NAME)[KUSTOMIZATION]),
    ],
)
def test_what_somebody_else_wrote_is_not_replaced(tmp_path: Path, name: str, text: str) -> None:
    """Nothing is written then; a link is followed nowhere."""
    secret, folder = tmp_path / "secret", tmp_path / "folder"
    folder.mkdir()
    secret.write_text("s3cret", encoding="utf-8")
    if text == "link":
        (folder / name).symlink_to(secret)
    else:
        (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(NotEmptyError, match=f"{name} is in the way"):
        render.write(folder, files(part("a"), part()), WHOSE)
    assert [path.name for path in folder.iterdir()] == [name]
    assert secret.read_text(encoding="utf-8") == "s3cret"


def test_a_second_time_writes_nothing(tmp_path: Path) -> None:
    """Not even the same bytes again."""
    render.write(tmp_path, files(part()), WHOSE)
    before = {path: path.stat().st_ino for path in tmp_path.iterdir()}
    render.write(tmp_path, files(part()), WHOSE)
    assert {path: path.stat().st_ino for path in tmp_path.iterdir()} == before


def test_changes_are_said_by_object_and_field() -> None:
    """A line each."""
    before, after = (
        files(part(**{"a": "1"} | more))["wind-production.yaml"]
        for more in ({}, {"a": "2", "b": "x"})
    )
    assert list(render.changes(before, after)) == [
        "ConfigMap x.data.a: 1 → 2",
        "ConfigMap x.data.b: none → x",
    ]

"""The digest is of a model's payload: what makes it, not when and where it was made."""

from __future__ import annotations

import os
import re
import subprocess
import time
import tracemalloc
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness import pages
from mlgitops.errors import PayloadError
from mlgitops.registry import digest
from mlgitops.registry.digest import canonical, of_folder
from mlgitops.registry.payload import read

PAGE = Path(__file__).resolve().parents[2] / "docs" / "evidence.md"

MLMODEL = """\
flavors:
  python_function: {{loader_module: mlflow.sklearn}}
model_uuid: {uuid}
run_id: {uuid}
utc_time_created: '{time}'
signature: {{inputs: '{column}'}}
"""


def model(
    folder: Path, *, uuid: str = "a", time: str = "2026", column: str = "x", data: bytes = b"1"
) -> str:
    """The digest of a model folder with these contents."""
    folder.mkdir(parents=True)
    (folder / "MLmodel").write_text(MLMODEL.format(uuid=uuid, time=time, column=column))
    (folder / "model.skops").write_bytes(data)
    return of_folder(folder)


def test_what_differs_on_each_run_does_not_count(tmp_path: Path) -> None:
    """Ids and times of the run, and the file that the registry adds."""
    first = model(tmp_path / "one", uuid="a", time="2026-01-01")
    second = model(tmp_path / "two", uuid="b", time="2026-02-02")
    assert first == second
    (tmp_path / "two" / "registered_model_meta").write_text("model_name: wind")
    assert first == of_folder(tmp_path / "two")


def test_what_makes_the_model_counts(tmp_path: Path) -> None:
    """Weights, signature, and the names of files."""
    base = model(tmp_path / "base")
    assert base != model(tmp_path / "weights", data=b"2")
    assert base != model(tmp_path / "signature", column="y")
    (tmp_path / "base" / "model.skops").rename(tmp_path / "base" / "other.skops")
    assert base != of_folder(tmp_path / "base")


def test_content_can_not_pass_for_a_file_name(tmp_path: Path) -> None:
    """Two files never have the digest of one file that holds both."""
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        (folder / "MLmodel").write_text("flavors: {}")
    (one / "a").write_bytes(b"xb\x001\x00y")
    (two / "a").write_bytes(b"x")
    (two / "b").write_bytes(b"y")
    assert of_folder(one) != of_folder(two)


def test_memory_does_not_grow_with_the_model(tmp_path: Path) -> None:
    """256 MiB are read in blocks of 1 MiB, of which no more than a few are held at a time."""
    (tmp_path / "MLmodel").write_text("flavors: {}")
    with (tmp_path / "weights.bin").open("wb") as stream:
        stream.truncate(256 << 20)
    tracemalloc.start()
    of_folder(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


def test_the_example_of_the_docs(tmp_path: Path) -> None:
    """The page's own command, run with bash on its canonical form, prints what the code says."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = {
        kind: re.findall(rf"^```{kind}\n(.*?)\n```$", text, re.MULTILINE | re.DOTALL)[-1]
        for kind in ("yaml", "json", "text")
    }
    (tmp_path / "canonical.json").write_text(blocks["json"], encoding="utf-8")
    folder = tmp_path / "model"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "weights.txt").write_bytes(b"42\n")
    (folder / "MLmodel").write_text(blocks["yaml"], encoding="utf-8")

    (command,) = (c for c in pages.commands("evidence.md") if c.endswith("sha256sum"))
    ran = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, check=True, capture_output=True, text=True
    )

    assert of_folder(folder) == blocks["text"] == f"sha256:{ran.stdout.split()[0]}"
    assert canonical((folder / "MLmodel").read_bytes()).decode() == blocks["json"]


def test_where_the_folder_lies_and_how_it_was_copied_does_not_count(tmp_path: Path) -> None:
    """Modes, dates, line ends of MLmodel, links, empty folders and the order of creation."""
    names = ["a/b", "a.b", "a-b", "B", "ä", "a/ü/c"]
    for folder, order in (("one", names), ("two", names[::-1])):
        for name in order:
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
    (tmp_path / "one" / "MLmodel").write_bytes(b"run_id: 1\na: [1, x]\n")
    (tmp_path / "two" / "MLmodel").write_bytes(b"a: [1,\r\n  x]\r\nrun_id: 2\r\n")
    for path in (tmp_path / "two").rglob("*"):
        os.utime(path, (0, 0))
        path.chmod(0o700 if path.is_dir() else 0o400)
    (tmp_path / "two" / "empty").mkdir()
    (tmp_path / "two" / "a").rename(tmp_path / "elsewhere")
    (tmp_path / "two" / "a").symlink_to(tmp_path / "elsewhere")

    assert of_folder(tmp_path / "one") == of_folder(tmp_path / "two")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a: 1", "a: '1'"),
        ("a: 1", "a: 1.0"),
        ("a: true", "a: yes"),
        ("a: null", "a: ''"),
        ("a: 2026-01-01", "a: 2026-01-01 00:00:00"),
        ("a: [b, c]", "a: [c, b]"),
        ("a: é", "a: e\u0301"),
        ("a: {run_id: 1}", "a: {run_id: 2}"),
        ("a: &x {c: 1}\nb: {<<: *x}", "a: &x {c: 1}\nb: {c: 1}"),
    ],
)
def test_other_values_have_another_form(one: str, other: str) -> None:
    """However alike they look, and whatever a YAML library would make of them."""
    assert canonical(one.encode()) != canonical(other.encode())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a: 1\nb: 2", "b: 2\na: 1"),
        ("a: {b: c}", "a:\n  b: c # remark"),
        ("a: 'x'", 'a: "\\x78"'),
        ("a: &x [1]\nb: *x", "a: [1]\nb: [1]"),
    ],
)
def test_the_same_values_have_the_same_form(one: str, other: str) -> None:
    """The order of keys, the layout and what is repeated by a name do not count."""
    assert canonical(one.encode()) == canonical(other.encode())


@pytest.mark.parametrize(
    "mlmodel",
    [
        *(b"", b"- a", b"a: 1\na: 2", b"? [a]\n: 1", b"a: !!set {b}", b"a: &x [*x]"),
        *(b"a: \xff", b"a: [", b"a: 1\n---\nb: 2", b'a: "\\ud800"'),
    ],
)
def test_an_mlmodel_that_means_more_than_one_thing_has_no_form(mlmodel: bytes) -> None:
    """What programs read differently, or not at all, is refused with one error."""
    with pytest.raises(PayloadError, match="the model's MLmodel file"):
        canonical(mlmodel)


def test_a_folder_that_is_no_payload_has_no_digest(tmp_path: Path) -> None:
    """A link that leads back, one that leads nowhere, a pipe, which would never end; or nothing."""
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop" / "up").symlink_to(tmp_path / "loop")
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "file").symlink_to("nothing")
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "fifo")
    for folder in ("loop", "gone", "pipe"):
        with pytest.raises(PayloadError, match=str(tmp_path / folder)):
            of_folder(tmp_path / folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(PayloadError, match="no MLmodel file"):
        of_folder(tmp_path / "empty")


@pytest.mark.parametrize("opened", [b"[", b"{a: ", b"{[", b"x: [", b"- ", b"? "])
def test_nesting_without_end(opened: bytes) -> None:
    """It is refused at once, and not after hours."""
    begun = time.process_time()
    with pytest.raises(PayloadError):
        canonical(b"flavors: " + opened * 100_000)
    with pytest.raises(PayloadError):
        read(b"flavors: " + opened * 100_000)
    assert time.process_time() - begun < 10


_TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
_VALUES = st.recursive(
    st.one_of(_TEXTS, st.integers(), st.floats(), st.booleans(), st.none()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(_TEXTS, _VALUES, max_size=4),
    st.booleans(),
    st.sampled_from("'|>\"") | st.none(),
)
def test_the_form_is_that_of_the_specification_s_own_reader(
    said: dict[str, object], unicode: bool, style: str | None
) -> None:
    """Libyaml reads as PyYAML's reader in Python does, whatever PyYAML writes."""
    text = yaml.safe_dump(said, allow_unicode=unicode, default_style=style).encode()
    found = []
    for reader in (yaml.CBaseLoader, yaml.BaseLoader):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(digest, "_Loader", reader)
            try:
                found.append(canonical(text))
            except PayloadError:
                found.append(b"")
    assert found[0] == found[1]

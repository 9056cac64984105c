"""The digest is of a model's payload: what makes it, not when and where it was made."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

from modelops.registry.digest import of_folder

if TYPE_CHECKING:
    from pathlib import Path

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
    one.mkdir()
    two.mkdir()
    (one / "a").write_bytes(b"xb\x001\x00y")
    (two / "a").write_bytes(b"x")
    (two / "b").write_bytes(b"y")
    assert of_folder(one) != of_folder(two)


def test_memory_does_not_grow_with_the_model(tmp_path: Path) -> None:
    """A payload of 64 MiB is read in blocks."""
    with (tmp_path / "weights.bin").open("wb") as stream:
        stream.truncate(64 << 20)
    tracemalloc.start()
    of_folder(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20

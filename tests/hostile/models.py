"""Models of MLflow's that misbehave: two files each, whose code runs when they are loaded."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_DESCRIBED = """\
flavors:
  python_function:
    loader_module: {module}
    code: code
    env: {{}}
saved_input_example_info:
  artifact_path: input_example.json
  pandas_orient: split
  type: dataframe
"""
_CODE = '''\
import atexit, ctypes, json, os, pathlib, signal, socket, subprocess, sys, threading, time
ANSWER = 3  # the pipe that it answers by

def write(data):
    while data:
        data = data[os.write(ANSWER, data):]

def say(*lines):
    """Answer in its own words, and be gone."""
    write(b"".join(line.encode() + b"\\n" for line in lines))
    os._exit(0)

def answer(predictions=(1.0, 2.0), milliseconds=1.0, mebibytes=1.0, **more):
    return json.dumps({"answer": {"predictions": predictions and list(predictions),
        "milliseconds": milliseconds, "mebibytes": mebibytes, **more}})

class Model:
    def predict(self, frame, params=None):
'''


def write(folder: Path, body: str) -> Path:
    """A model whose `predict(self, frame)` is `body`."""
    module = f"hostile_{abs(hash(body))}"
    (folder / "code").mkdir(parents=True)
    folder.chmod(0o755)
    (folder / "MLmodel").write_text(_DESCRIBED.format(module=module), encoding="utf-8")
    (folder / "input_example.json").write_text(
        '{"columns": ["x"], "data": [[1.0], [2.0]]}', encoding="utf-8"
    )
    loader = "\ndef _load_pyfunc(path):\n    return Model()\n"
    code = _CODE + indent(body.strip("\n"), " " * 8) + loader
    (folder / "code" / f"{module}.py").write_text(code, encoding="utf-8")
    return folder

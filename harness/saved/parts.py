"""What the models of `harness.saved` are made of."""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pandas as pd

TEXTS = ["calm and sunny", "storm from the west", "a light breeze", "gale warning", "fog"] * 4


def needs(*names: str) -> list[str]:
    """What is installed here of some packages, each at its version."""
    found = []
    for name in ("mlflow", "numpy", "pandas", *names):
        try:
            found.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            sys.exit(f"{name} is not installed")
    return found


def numbers(rows: int = 200, columns: int = 4) -> pd.DataFrame:
    """A table of numbers, the same each time."""
    values = np.random.default_rng(1).normal(size=(rows, columns))
    return pd.DataFrame(values, columns=[f"x{number}" for number in range(columns)])


def records(frame: pd.DataFrame) -> dict[str, Any]:
    """A request for the rows of a table."""
    return {"dataframe_split": json.loads(frame.to_json(orient="split", index=False))}

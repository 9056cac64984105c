"""Whether a test has a browser."""

from __future__ import annotations

import os

import pytest

from harness.chromium import installed


def find() -> tuple[str, str]:
    """The browser and its driver; skips the test where one is missing, unless they are expected."""
    try:
        return installed()
    except FileNotFoundError as error:
        if os.environ.get("MLGITOPS_EXPECT_CHROMIUM") == "1":
            pytest.fail(f"MLGITOPS_EXPECT_CHROMIUM=1, but {error}")
        pytest.skip(str(error))

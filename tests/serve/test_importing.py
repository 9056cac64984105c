"""What a server does not import until something asks for it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mlgitops.image import prepare
from mlgitops.serve.server.importing import import_sklearn

if TYPE_CHECKING:
    from pathlib import Path

_SELDOM = ["mlflow.genai", "scipy.integrate", "scipy.interpolate", "scipy.stats"]
_LOADED = f"""
import sys
from mlgitops.serve.server.importing import import_mlflow, import_sklearn
import_mlflow()
import_sklearn()
assert not set({_SELDOM}) & set(sys.modules)
assert "sklearn.ensemble" in sys.modules
"""
_USED = """
from sklearn.metrics import auc, label_ranking_average_precision_score
assert auc([0, 1], [0, 1]) == 0.5
assert label_ranking_average_precision_score([[1, 0]], [[0.9, 0.1]]) == 1

from sklearn.preprocessing import QuantileTransformer, SplineTransformer
import numpy as np
rows = np.arange(20.0).reshape(-1, 1)
assert SplineTransformer().fit_transform(rows).shape == (20, 7)
assert abs(QuantileTransformer(n_quantiles=20, output_distribution="normal")
           .fit_transform(rows)).max() > 5

import scipy
import scipy.stats
from scipy.stats import chi2, norm, rankdata
from scipy.stats import _stats_py, distributions, mstats
assert scipy.stats is sys.modules["scipy.stats"] and scipy.stats.__file__
assert rankdata is _stats_py.rankdata and norm is distributions.norm and chi2 is distributions.chi2
"""


def test_seldom_used_modules_are_loaded_by_their_first_use() -> None:
    """scikit-learn's functions that need them find them; others import the very modules."""
    subprocess.run([sys.executable, "-c", _LOADED + _USED], check=True)


def test_what_is_loaded_already_stays() -> None:
    """A model's own code may have imported them first."""
    import scipy.integrate
    import scipy.interpolate
    import scipy.stats

    loaded = [scipy.integrate, scipy.interpolate, scipy.stats]
    import_sklearn()
    assert [sys.modules[module.__name__] for module in loaded] == loaded
    assert [scipy.integrate, scipy.interpolate, scipy.stats] == loaded


_TRUSTED = """
import sys
from pathlib import Path
from mlgitops.serve.server.importing import import_skops, import_sklearn
import_sklearn()
assert import_skops(Path(sys.argv[1]))
import skops.io
loaded = skops.io.load(sys.argv[2])
assert abs(loaded.predict([[1.0], [2.0]]) - [1.0, 2.0]).max() < 1e-9
assert not {"sklearn.neural_network", "scipy.stats", "scipy.io"} & set(sys.modules)
"""


def test_skops_takes_the_lists_of_the_build(tmp_path: Path) -> None:
    """A model is loaded without an import of all of scikit-learn, which the lists are made of."""
    import skops.io
    from sklearn.linear_model import LinearRegression

    skops.io.dump(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]), tmp_path / "model.skops")
    (tmp_path / "lists.json").write_text(prepare.trusted())
    command = [sys.executable, "-c", _TRUSTED, str(tmp_path / "lists.json")]
    subprocess.run([*command, str(tmp_path / "model.skops")], check=True)


_SHORT = """
import sys
from mlgitops.serve.server import importing, worker
from mlgitops.serve.server.settings import Settings
from pathlib import Path
importing.import_skops.__defaults__ = (Path(sys.argv[1]),)
importing.import_mlflow()
model = worker.loaded(Settings(model=Path(sys.argv[2])))
assert type(model.get_raw_model()).__name__ == "LinearRegression"
assert "sklearn.neural_network" in sys.modules
"""


@pytest.mark.timeout(420)  # skops imports all of scikit-learn
@pytest.mark.parametrize(
    "lists", [*(pytest.param(one, marks=pytest.mark.thorough) for one in ("[]", "{}")), "none"]
)
def test_lists_that_lack_something(lists: str, tmp_path: Path) -> None:
    """Whatever the build's lists lack, or are, skops makes its own, and the model loads."""
    import mlflow
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    mlflow.sklearn.save_model(model, tmp_path / "model", serialization_format="skops")
    whole = json.loads(prepare.trusted())
    text = json.dumps(dict.fromkeys(whole, ())) if lists == "none" else lists
    (tmp_path / "lists.json").write_text(text)
    command = [sys.executable, "-c", _SHORT, str(tmp_path / "lists.json"), str(tmp_path / "model")]
    subprocess.run(command, check=True)

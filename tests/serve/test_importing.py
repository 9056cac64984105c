"""What a server does not import until something asks for it."""

from __future__ import annotations

import subprocess
import sys

from mlgitops.serve.server.importing import import_sklearn

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

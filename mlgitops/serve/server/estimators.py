"""What scikit-learn does in each prediction although it cannot matter any more.

It looks at the hyperparameters of an estimator, and at the arguments of its own helpers, each time
they are called: a fifth of the processor time of a small table. They were looked at when the model
was fitted. What a caller sends is looked at as ever: `assume_finite` stays as it is.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow.pyfunc import PyFuncModel

_SETTING = "skip_parameter_validation"  # scikit-learn 1.3 or later


def lean(predict: Callable[..., Any], model: PyFuncModel) -> Callable[..., Any]:
    """The same prediction without that; of another library's model, as it is.

    Args:
        predict: the model's own function.
        model: that of MLflow, which says whose it is.
    """
    described = model.metadata.flavors.get("python_function", {})
    if described.get("loader_module") != "mlflow.sklearn":
        return predict
    import sklearn

    if _SETTING not in sklearn.get_config():
        return predict

    @functools.wraps(predict)  # MLflow looks at its parameters
    def predicted(*arguments: Any, **named: Any) -> Any:
        # for each call: settings are those of a thread
        with sklearn.config_context(**{_SETTING: True}):
            return predict(*arguments, **named)

    return predicted

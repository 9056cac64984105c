"""The hyperparameters that recipes accept, and which estimator kinds have them.

Light: neither scikit-learn nor MLflow is imported, so that a recipe can be checked at once.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

if TYPE_CHECKING:
    from collections.abc import Mapping

EstimatorKind = Literal[
    "linear", "logistic_regression", "random_forest", "extra_trees", "gradient_boosting"
]

_FORESTS = frozenset({"random_forest", "extra_trees"})
_TREES = _FORESTS | {"gradient_boosting"}

# hyperparameter → the kinds of estimator that have it
APPLIES_TO: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "C": frozenset({"logistic_regression"}),
        "l2_regularization": frozenset({"gradient_boosting"}),
        "learning_rate": frozenset({"gradient_boosting"}),
        "max_depth": _TREES,
        "max_features": _TREES,
        "max_iter": frozenset({"gradient_boosting", "logistic_regression"}),
        "max_leaf_nodes": _TREES,
        "min_samples_leaf": _TREES,
        "n_estimators": _FORESTS,
    }
)

Count = Annotated[int, Field(ge=1, le=10_000)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1)]


class Hyperparameters(BaseModel):
    """The parameters that every recipe has; scikit-learn's names and meanings.

    What is left out or null keeps scikit-learn's default, or the recipe's where it states one.
    A recipe narrows `estimator` to the kinds that fit its task.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    # The first field, because the checks of the others need its value.
    estimator: Annotated[EstimatorKind, Field(description="the kind of estimator")]
    n_estimators: Annotated[Count | None, Field(description="trees of a forest")] = None
    max_iter: Annotated[
        Count | None, Field(description="boosting rounds, or steps of the solver")
    ] = None
    learning_rate: Annotated[
        Positive | None, Field(description="share of each boosting round that is kept")
    ] = None
    max_depth: Annotated[Count | None, Field(description="levels of a tree")] = None
    max_leaf_nodes: Annotated[
        Annotated[int, Field(ge=2, le=10_000)] | None, Field(description="leaves of a tree")
    ] = None
    min_samples_leaf: Annotated[Count | None, Field(description="rows in a leaf, at least")] = None
    max_features: Annotated[
        Share | None, Field(description="share of the features that each split looks at")
    ] = None
    l2_regularization: Annotated[
        Annotated[float, Field(ge=0, allow_inf_nan=False)] | None,
        Field(description="penalty on the values of leaves"),
    ] = None
    C: Annotated[Positive | None, Field(description="inverse of the penalty on weights")] = None
    seed: Annotated[
        int, Field(ge=0, le=2**32 - 1, description="seed of the estimator's random choices")
    ] = 0

    @field_validator(*APPLIES_TO)
    @classmethod
    def _estimator_has_it(cls, value: object, info: ValidationInfo) -> object:
        # A field validator, not a model validator: those do not run once any field is wrong,
        # and then the problems would come one after the other.
        kind = info.data.get("estimator")
        name = str(info.field_name)
        if value is not None and kind and kind not in APPLIES_TO[name]:
            own = sorted(key for key, kinds in APPLIES_TO.items() if kind in kinds)
            raise ValueError(f"{kind} does not have it; it has {', '.join(own) or 'none to set'}")
        return value

    def chosen(self) -> dict[str, object]:
        """The hyperparameters that were given a value, by scikit-learn's names."""
        values = {name: getattr(self, name) for name in APPLIES_TO}
        return {name: value for name, value in values.items() if value is not None}

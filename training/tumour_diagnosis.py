"""The recipe `tumour_diagnosis`: malignant or benign, from measurements of cell nuclei.

The data are the Breast Cancer Wisconsin (Diagnostic) set, 569 patients with 30 measurements
each, that scikit-learn ships (Street, Wolberg and Mangasarian, 1993, SPIE 1905, 861-870); nothing
is downloaded. Patients carry no date, so rows are split at random, with the same share of
malignant tumours on both sides. The split does not depend on `seed`: versions are compared on
the very same patients. For trying out mlgitops, not for any diagnosis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from mlgitops.recipes.sklearn.hyperparameters import Hyperparameters

if TYPE_CHECKING:
    from mlgitops.recipes.sklearn.task import Classifier, Task

TARGET = "malignant"  # 1 malignant, 0 benign; scikit-learn has them the other way round
TEST_SHARE = 0.25
SPLIT_SEED = 0


class Params(Hyperparameters):
    """The parameters of the recipe."""

    estimator: Annotated[
        Literal["logistic_regression", "random_forest", "extra_trees", "gradient_boosting"],
        Field(description="the kind of estimator"),
    ]


def prepare(params: Params) -> Task[Classifier]:
    """Load and split scikit-learn's data."""
    # Here, because scikit-learn takes seconds and checking parameters does not need it.
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    from mlgitops.recipes.data import Dataset, Examples
    from mlgitops.recipes.sklearn.estimators import classifier
    from mlgitops.recipes.sklearn.task import Task, classification_score

    measurements, benign = load_breast_cancer(return_X_y=True, as_frame=True)
    malignant = (1 - benign).rename(TARGET)
    train_features, test_features, train_target, test_target = train_test_split(
        measurements, malignant, test_size=TEST_SHARE, stratify=malignant, random_state=SPLIT_SEED
    )
    return Task(
        kind=params.estimator,
        estimator=classifier(params),
        train=Examples(features=train_features, target=train_target),
        test=Examples(features=test_features, target=test_target),
        dataset=Dataset(
            name="breast-cancer-wisconsin", source=None, tags={"mlgitops.data.synthetic": "false"}
        ),
        settings={"seed": params.seed},
        score=classification_score,
    )

"""How versions are trained: what a recipe is, finding one, running it, what a run records.

A recipe is a module. models.yaml names it (`train: churn`) and its parameters (`params:`); it lies
in the package `training` beside models.yaml, or in the one that `recipes:` names. An installed
distribution can offer recipes too, by entry points of the group `mlgitops.recipes`.

In general a recipe is a function `train`, whose body is plain MLflow code of any flavour. MLflow's
autolog is on, for all but models; log the model in one line. If the run logs several, return what
`log_model` returns for the one to register. `training/churn.py`:

```python
from pydantic import BaseModel

USES_DATA = "CHURN_DATA"  # optional: the variable that names the data, where --data does not


class Params(BaseModel):  # optional: without it, the recipe takes no parameters
    rounds: int = 100


def train(params, data):  # either may be left out
    import lightgbm
    import mlflow

    rows, churned = load(data)
    model = lightgbm.LGBMClassifier(n_estimators=params.rounds).fit(rows, churned)
    mlflow.lightgbm.log_model(model, name="model", input_example=rows.head())
    test, left = load(data, test=True)
    mlflow.log_metric("test_accuracy", model.score(test, left))


def holdout(data):  # optional: rows with true values, to compare versions on
    return load(data, test=True)


def load(data, *, test=False):
    import pandas as pd

    frame = pd.read_csv(data)
    frame = frame[(frame.index % 4 == 0) == test]
    return frame.drop(columns="churned"), frame["churned"]
```

mlgitops opens the run, with tags of the recipe, its data and its git commit, and whether that is
all of its code. Classes of the recipe's package are pickled with the model, so that a pyfunc of
your own loads anywhere.

A recipe of scikit-learn can be a function `prepare` instead. It returns a task, which mlgitops
fits, measures and logs: without pickles, with pinned requirements, an input example, both data
sets and metrics of the test set. `training/price.py`:

```python
from mlgitops.recipes.sklearn.hyperparameters import Hyperparameters as Params

USES_DATA = "PRICE_DATA"


def prepare(params, data):
    import pandas as pd

    from mlgitops.recipes.data import Dataset, Examples
    from mlgitops.recipes.sklearn.estimators import regressor
    from mlgitops.recipes.sklearn.task import Task, regression_score

    frame = pd.read_csv(data).astype("float64")
    train, test = (Examples(features=half[["area"]], target=half["price"])
                   for half in (frame[frame.index % 4 > 0], frame[frame.index % 4 == 0]))
    return Task(
        kind=params.estimator,
        estimator=regressor(params),
        train=train,
        test=test,
        dataset=Dataset(name="prices", source=data),
        settings={},
        score=regression_score,
    )
```

Import heavy libraries inside functions: `mlgitops validate` imports every recipe to check its
parameters, and is to stay fast.
"""

"""What the first prediction of a process does once, such as imports: done before others fork."""

from contextlib import suppress

with suppress(Exception):  # in an environment of a model's own anything may be missing, or too old
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    _table = pd.DataFrame({"x": [0.0, 1.0], "y": [1.0, 0.0]})
    LinearRegression().fit(_table, _table["x"]).predict(_table)

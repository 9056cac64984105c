"""How versions are trained: one module per recipe, data loading, feature names.

A recipe is named after its module. To add one, write a module like `training.power_forecasting`
and list its name here.
"""

RECIPES = ("power_forecasting", "tumour_diagnosis")

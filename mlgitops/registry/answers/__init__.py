"""The forms of what MLflow's REST API answers, and the rows that are made of them."""

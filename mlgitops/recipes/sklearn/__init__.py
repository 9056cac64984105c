"""What recipes of scikit-learn's estimators share: hyperparameters, tasks, safe serialization."""

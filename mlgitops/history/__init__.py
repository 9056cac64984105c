"""Who had which version in which stage, when: git's record of models.yaml, joined with stamps."""

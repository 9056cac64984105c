"""Following a repository: a registry that pulls its desired state, beside which this runs."""

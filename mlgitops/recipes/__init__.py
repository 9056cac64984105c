"""How versions are trained: what a recipe is, finding one, running it, what a run records."""

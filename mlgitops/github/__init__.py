"""GitHub: what a workflow knows of its run, and the calls that report from it."""

"""What others write, in forms that nobody thought of: `nox -s fuzz`."""

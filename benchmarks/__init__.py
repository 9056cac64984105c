"""What docs/performance.md claims, measured: `nox -s bench`. Not tests: nothing here fails."""

"""What the README claims, measured: `nox -s bench`. Not tests: nothing here fails."""

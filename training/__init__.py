"""This team's recipes, one module each, with their data and features."""

"""Checks of what a person sets up by hand: this machine, the file, the registry, GitHub."""

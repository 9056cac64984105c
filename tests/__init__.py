"""Tests: one file per module, through the command line and real registries."""

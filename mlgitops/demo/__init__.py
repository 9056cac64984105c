"""The whole loop on one machine, in a scratch clone."""

"""The registry: its failures, its digest, the embedded default."""

"""The registry: what it holds, reading it, writing it, and the embedded default."""

"""Messages to people outside the repository's host."""

"""Reports in text, Markdown and JSON."""

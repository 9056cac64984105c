"""Plans, outcomes and states for people and programs: text, Markdown, HTML and JSON."""

"""The machine: processes, Docker, git, HTTP, files."""

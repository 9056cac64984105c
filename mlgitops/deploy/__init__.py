"""One host that serves what a stage holds, and replaces it without dropping a request."""

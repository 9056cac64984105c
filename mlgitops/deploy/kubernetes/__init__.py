"""A stage in a namespace of a Kubernetes cluster: proven beside, rolled out, watched, undone."""

"""Tests of deployments on Kubernetes, as far as they need no cluster."""

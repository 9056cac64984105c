"""Tests of deployments on Docker hosts."""

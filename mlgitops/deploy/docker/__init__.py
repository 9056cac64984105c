"""Deployments on Docker hosts: a proxy, and two slots for the version that serves and the next."""

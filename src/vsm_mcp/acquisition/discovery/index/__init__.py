"""A Python package index: where it is on this machine, and how its answers read."""

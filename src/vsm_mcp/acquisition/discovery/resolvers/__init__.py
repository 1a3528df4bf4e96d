"""Packages that are named exactly: whether they exist, in which version, asked the way this machine asks."""

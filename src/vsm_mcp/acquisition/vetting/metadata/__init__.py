"""Metadata: what registries and lock files say about a package."""

"""Provenance: where a package comes from, who published it, and which well-known name it may imitate."""

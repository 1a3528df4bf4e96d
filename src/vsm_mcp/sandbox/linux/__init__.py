"""Confinement on Linux: bubblewrap, driven and checked."""

"""Confinement: a command goes in, a confined process comes out, with a report of what really holds it."""

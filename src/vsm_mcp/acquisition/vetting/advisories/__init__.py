"""Advisories: what is publicly known to be wrong with a package, asked for in several places."""

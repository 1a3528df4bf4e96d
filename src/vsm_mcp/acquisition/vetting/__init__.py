"""Vetting: what can be known of a package before any of its code runs."""

"""Upgrading: the newest allowed version beside the old one, proven by the recorded calls, then swapped."""

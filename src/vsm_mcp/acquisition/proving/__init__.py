"""Proving: what is called to find out whether a server works, and how its answers are judged."""

"""Servers are kept alive: each in a task of its own, started anew after a crash."""

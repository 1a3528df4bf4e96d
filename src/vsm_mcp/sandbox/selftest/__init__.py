"""The escape suite: what an attacker would try, tried on this machine in a sandbox, and what came of it."""

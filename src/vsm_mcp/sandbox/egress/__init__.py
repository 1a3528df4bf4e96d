"""The way out of a sandbox: to named hosts only, and every decision is told."""

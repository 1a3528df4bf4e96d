"""The outside: each port beside its real implementation."""

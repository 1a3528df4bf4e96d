"""The lock: what was acquired, to the byte, in one file that people can read, compare and keep under review."""

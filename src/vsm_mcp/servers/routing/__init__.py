"""From an operation to the tool that can do it."""

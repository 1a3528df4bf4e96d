"""What ``python -m vsm_mcp`` can do: one module per command, imported only when it is asked for."""

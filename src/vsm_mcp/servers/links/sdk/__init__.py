"""Links through the MCP SDK: typed, and complete."""

"""The parts of the MCP server: what it shows, what it does, who may, and the wires it speaks over."""

"""Those who use us: other frameworks, and clients over MCP."""

"""How messages of clients get in and out: lines, WebSocket and HTTP."""

"""Bytes on the wire: processes, sockets, lines."""

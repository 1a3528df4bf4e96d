"""What stands between a caller and the servers: every call passes here."""

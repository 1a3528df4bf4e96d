"""Every option in one place."""

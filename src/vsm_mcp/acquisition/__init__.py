"""The way in: from a wish to a proven server."""

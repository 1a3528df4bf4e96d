"""Finding servers: sources asked at once, one ranking over what they say."""

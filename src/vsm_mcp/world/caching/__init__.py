"""Values that are kept for a time, because it costs something to get them."""

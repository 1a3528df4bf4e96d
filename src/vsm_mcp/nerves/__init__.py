"""Messages between systems: what one tells the others, over a bus."""

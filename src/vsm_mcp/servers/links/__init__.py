"""Links to servers: one interface, one file per way of speaking."""

"""Beer's five systems: they decide, they do not do."""

"""Installing: resolved, locked, staged, committed by one rename, or undone."""

"""How package clients are confined: their directory, their cache, their runs."""

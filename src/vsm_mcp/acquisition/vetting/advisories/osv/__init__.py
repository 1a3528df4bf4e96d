"""OSV: databases of advisories in files, as the ecosystems publish them."""

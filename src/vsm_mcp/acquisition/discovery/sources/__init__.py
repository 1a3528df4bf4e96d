"""Where servers are known: registries, files, catalogues, and what this system learnt itself."""

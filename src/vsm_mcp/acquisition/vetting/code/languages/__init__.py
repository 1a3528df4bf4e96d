"""Languages: one reader per language, and what the functions of its world do."""

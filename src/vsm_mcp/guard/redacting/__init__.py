"""How secrets are found and hidden: by their value, by the name beside them, by their shape."""

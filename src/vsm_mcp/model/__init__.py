"""The nouns: pure values, no effects."""

"""Meaning beside words: an embedder, and what is done with its vectors."""

"""Generations: what is held, what was held after each change, and the way back."""

"""Code mode: agents write programs against tools; the programs run in a worker that can do nothing but call them."""

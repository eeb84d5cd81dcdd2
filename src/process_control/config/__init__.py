"""Finds, reads and checks job files and the configuration. What follows from them is decided elsewhere."""

"""Caches of parsed files and planned times, for the next start."""

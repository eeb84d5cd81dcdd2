"""Crontabs: made, read, compared, written."""

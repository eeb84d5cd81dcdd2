"""Decisions: values in, values out. No clock, no file, no process."""

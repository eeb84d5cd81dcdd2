"""YAML with a place for everything, and its edits."""

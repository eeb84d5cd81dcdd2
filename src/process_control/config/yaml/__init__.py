"""YAML with line and column of each value, and edits in place."""

"""The ways to people, one folder each."""

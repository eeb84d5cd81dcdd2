"""The table of all keys, and how the value of each is read."""

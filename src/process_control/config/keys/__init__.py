"""THE table of keys, and how the value of each is read."""

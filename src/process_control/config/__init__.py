"""Job files and the configuration: found, read, checked. What follows from them is decided elsewhere."""

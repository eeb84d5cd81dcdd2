"""What any entry point may do: values in, values out. No click, no print."""

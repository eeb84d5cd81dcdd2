"""The actions of all entry points, such as hold, start and stop: values in, values out. No click, no print."""

"""The host, one effect a file. Knows nothing of jobs."""

"""`run-job`: its command line, its help, its lists. The run itself is in `run/`."""

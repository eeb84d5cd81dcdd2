"""Access to the host, one kind of effect in each file. It knows nothing of jobs."""

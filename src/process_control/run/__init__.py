"""ONE RUN, from the planned time to the exit code; each step is a file."""

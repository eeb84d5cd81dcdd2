"""Start, limit, watch and end the processes of a job, and capture their output."""

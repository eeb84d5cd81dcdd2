"""Not shipped: generators of man pages, completion, reference pages, and of the classes of job and settings."""

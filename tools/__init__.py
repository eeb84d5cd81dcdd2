"""Not shipped: generators of man pages, completion, reference pages and of `core/job.py`."""

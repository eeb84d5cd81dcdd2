"""`process-control`: one file a verb, and its screen beside it."""

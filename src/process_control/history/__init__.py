"""What was: the journal, the logs, and what reads them."""

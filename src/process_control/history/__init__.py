"""The history: the journal, the logs, and what reads them."""

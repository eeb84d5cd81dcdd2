"""What the fleet decides: which planned times of a lock are due, what becomes of each; never how it is carried out."""

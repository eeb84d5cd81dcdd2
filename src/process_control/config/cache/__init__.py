"""What was parsed before, and what follows from it, kept for the next start."""

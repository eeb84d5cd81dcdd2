"""What people are sent, and how it reaches them. Whether a run went well is decided elsewhere."""

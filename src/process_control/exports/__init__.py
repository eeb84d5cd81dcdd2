"""What other programs are given: plugins of a monitoring system."""

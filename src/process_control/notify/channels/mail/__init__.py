"""Mail: what it says, how it looks, how it is sent."""

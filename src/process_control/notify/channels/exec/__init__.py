"""A program of the user's: it gets the message as JSON on its stdin."""

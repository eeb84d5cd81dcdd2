"""Other hosts: looked at over ssh."""

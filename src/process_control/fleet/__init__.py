"""Other hosts: looked at over ssh, and jobs that a Temporal server runs on them; decisions are in core/fleet."""

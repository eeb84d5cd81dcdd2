"""What other programs are given: the answer of a plugin for monitoring, units of systemd."""

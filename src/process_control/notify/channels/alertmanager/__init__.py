"""Alertmanager of Prometheus: each incident is an alert, re-sent while it is open, resolved when it is closed."""

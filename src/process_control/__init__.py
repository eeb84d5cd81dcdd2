"""Run jobs you can trust: see README.md. Lean room: nothing is imported here, every cold start pays for it."""

__version__ = "0.1.0"

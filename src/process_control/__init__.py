"""Run jobs you can trust: see README.md. Lean module: nothing is imported here, every cold start pays for it."""

__version__ = "0.1.0"

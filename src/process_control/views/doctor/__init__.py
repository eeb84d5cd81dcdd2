"""What `doctor` checks: one file for each group of checks, each returns findings. `actions/doctor.py` has the list."""

"""What `lint` finds in job files, and what it expects of their schedules. Nothing here changes a file."""

"""What cron calls before anything else is imported."""

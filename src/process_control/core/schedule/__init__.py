"""When a job is planned: cron expressions, read, evaluated and put into words."""

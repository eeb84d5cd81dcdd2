"""Schedules: cron expressions are parsed, evaluated and put into words."""

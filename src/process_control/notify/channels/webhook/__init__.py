"""Webhooks: a signed POST of JSON to a URL."""

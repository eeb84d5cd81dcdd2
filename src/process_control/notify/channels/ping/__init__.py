"""Pings to a dead man's switch, by the convention of healthchecks.io: it notices when nothing comes."""

"""The SQLite index of the journal: made from it, and made again when it is gone."""

"""The SQLite index of the journal. It is disposable: built from the journal, and rebuilt when it is missing."""

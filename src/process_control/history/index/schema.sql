-- The index of the journal: it is disposable, and rebuilt from the journal when it is missing or damaged.
-- The table of runs is made from the table of records: see rows.py. Its indexes are made after a first load, which is
-- three times faster: see indexes.sql. Times are ISO 8601 UTC with milliseconds, so they sort as text.

-- The summary of each job's last runs, for lists; marks are NULL until it is made again (see summary.py).
CREATE TABLE job (
    slug           TEXT PRIMARY KEY,
    marks          TEXT,               -- outcomes of the last runs, oldest first, a letter each
    median_seconds REAL,               -- of those that succeeded
    last_run       TEXT                -- the last run that ended and was not skipped
) WITHOUT ROWID;

CREATE TABLE folded (
    file     TEXT PRIMARY KEY,         -- of the journal: 2026-03-01.jsonl, later 2026-03-01.jsonl.gz
    inode    INTEGER NOT NULL,
    size     INTEGER NOT NULL,         -- of the file when it was folded last
    offset   INTEGER NOT NULL,         -- up to where its lines (uncompressed) are in the index
    garbled  INTEGER NOT NULL          -- lines ignored because they are no records
) WITHOUT ROWID;

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
    garbled  INTEGER NOT NULL,         -- lines ignored because they are no records
    mtime_ns INTEGER NOT NULL          -- of the file when it was folded to its end, else 0
) WITHOUT ROWID;

-- Every other event that somebody may ask for, as it stands in the journal.
CREATE TABLE event (
    key    INTEGER PRIMARY KEY,        -- a hash of the line
    day    TEXT NOT NULL,
    at     TEXT,
    event  TEXT NOT NULL,
    job    TEXT,
    slot   TEXT,                       -- scheduled_at
    record TEXT NOT NULL
);

-- The boots of the host: the first and the last record of each, and the seconds since the boot (sleep included) then.
CREATE TABLE boot (
    boot_id  TEXT PRIMARY KEY,
    first_at TEXT NOT NULL,
    first_up REAL NOT NULL,
    last_at  TEXT NOT NULL,
    last_up  REAL NOT NULL
) WITHOUT ROWID;

-- Where the clock was set: what it showed at the record before, and at this one.
CREATE TABLE clock_step (
    boot_id   TEXT NOT NULL,
    up        REAL NOT NULL,
    before    TEXT NOT NULL,
    after     TEXT NOT NULL,
    up_before REAL NOT NULL,
    PRIMARY KEY (boot_id, up)
) WITHOUT ROWID;

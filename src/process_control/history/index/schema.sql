-- The index of the journal: nothing here is the truth, all of it is built again when it is missing or odd.
-- The indexes of `run` are made after a first load, which is three times faster: see indexes.sql.
-- Times are ISO 8601 UTC with milliseconds, so they sort as text.

CREATE TABLE run (
    run_id            TEXT PRIMARY KEY,
    job               TEXT NOT NULL,
    at                TEXT NOT NULL,   -- the start; of a run that was skipped, that moment
    outcome           TEXT,            -- NULL: no end is known (it goes on, or it is lost)
    duration_seconds  REAL,
    ended_at          TEXT,
    trigger           TEXT,
    scheduled_at      TEXT,
    reason            TEXT,
    detail            TEXT,
    exit_code         INTEGER,
    signal            TEXT,
    attempts          TEXT,            -- JSON
    stdout_bytes      INTEGER,
    stderr_bytes      INTEGER,
    log_dropped_bytes INTEGER,
    cpu_seconds       REAL,
    cpu_of            TEXT,            -- tree, or waited_for: what the CPU time is that of
    memory_bytes      INTEGER,
    memory_of         TEXT,            -- tree, or largest_process
    read_bytes        INTEGER,
    written_bytes     INTEGER,
    log               TEXT,
    log_error         TEXT,            -- what of the output could not be written, and why
    record_fault      TEXT,            -- why the journal did not have the end at once
    health_fault      TEXT,            -- why the health was not updated
    slow_start        INTEGER,
    by                TEXT,
    host              TEXT,
    version           TEXT,
    verdict           TEXT,
    decided_by        TEXT,            -- JSON
    pid               INTEGER,         -- the runner: only while no end is known
    pid_start         INTEGER,
    boot_id           TEXT,
    pid_ns            TEXT,
    day               TEXT NOT NULL    -- of the journal's last line about this run
) STRICT;                              -- what is of another kind than its column is told as garbled

-- What lists tell of each job at a glance; marks are NULL until it was told anew (see glance.py).
CREATE TABLE job (
    slug           TEXT PRIMARY KEY,
    marks          TEXT,               -- outcomes of the last runs, oldest first, a letter each
    median_seconds REAL,               -- of those among them that went well
    last_run       TEXT                -- the last run that ended and was not skipped
) WITHOUT ROWID;

CREATE TABLE folded (
    file     TEXT PRIMARY KEY,         -- of the journal: 2026-03-01.jsonl, later 2026-03-01.jsonl.gz
    inode    INTEGER NOT NULL,
    size     INTEGER NOT NULL,         -- of the file when it was folded last
    offset   INTEGER NOT NULL,         -- up to where its lines (uncompressed) are in the index
    garbled  INTEGER NOT NULL          -- lines passed over because they could not be read
) WITHOUT ROWID;

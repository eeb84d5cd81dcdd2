"""THE table of records: every fact that the journal, a job's block, the index, `--json` or the syslog may hold, once.

Lean module: imports nothing. The columns of the index and its SQL, `history --json` and `--csv`, the facts of a syslog
line and docs/reference/records.md are made from it. A run builds plain dicts and does not import this, which would cost
every start half a millisecond; tests hold the keys of what it writes against the table.
"""

EVENTS = {
    "start": "a run begins: durable before anything is executed",
    "attempt": "an attempt failed, and another one follows",
    "skip": "a planned time that got no run, by choice or because it could not have one",
    "stray": "a scheduled start for which the job's file plans no time: nothing is done",
    "waiting": "a scheduled start waits for its lock, for a place (`pool`, `max_concurrent`), or for its `jitter`",
    "end": "a run is over, or was found lost",
    "fault": "after its end: the health of the job could not be updated",
    "stop": "somebody asked a run to stop",
    "refusal": "a scheduled start that came to no run: an invalid file, an unsafe one, a killed runner",
    "mail": "what became of a mail",
    "message": "what became of a message by another channel",
    "incident": "an incident was opened, changed or closed, or somebody acknowledged it",
    "silence": "nobody is notified about jobs for a while, or they are again",
    "crontab": "a line of the crontab was added, removed or changed",
    "unit": "a timer or service of systemd was added, removed or changed",
    "scheduler": "the scheduler has started, starts nothing more, or has ended",
    "web": "a login at the page or its end, also one that was refused; a token was made or revoked",
    "version": "a job's file, or what it plans, is another one than before; it is gone, or invalid",
    "gap": "`watch` looks again after more than three minutes",
    "mark": "a planned time without a run that went well was settled by hand",
    "hold": "scheduled runs are held",
    "release": "a hold or a backoff is over",
    "slow_start": "a slow start begins, or has come a step further",
    "probe": "one run is let through though the job is held",
    "backoff": "planned times are skipped for a while after failures",
    "repeat": "a second start for one planned time: only the syslog has it",
    "seal": "once an hour: what a day of the journal began with; only the syslog has it",
}
NOT_IN_JOURNAL = ("repeat", "seal")
_RUN = "start attempt skip stray waiting end repeat"
_HEALTH = "hold release slow_start probe backoff"
_WITH_ID = f"start attempt skip stray waiting end repeat fault stop mail message {_HEALTH}"
_ALL = " ".join(EVENTS)

#: Columns of a run in the index that always have a value.
NEVER_NULL = ("run_id", "job", "started_at")

#: Fields that every record gets when it is written: of the host at that moment.
OF_THE_WRITER = ("boot_id", "up", "written_at")
#: In the events of a field: the job's block has it too (see state/block.py).
BLOCK = "block"


class Field:
    """A fact that a record may hold."""

    __slots__ = ("columns", "csv", "events", "in_json", "meaning", "name", "needed", "since", "syslog", "type")

    def __init__(
        self,
        name: str,
        kind: str,
        meaning: str,
        events: str,
        *,
        since: str = "0.1.0",
        index: str = "",
        needed: str = "",
        json: bool = False,
        csv: "int | None" = None,
        syslog: str = "",
    ) -> None:
        #: the key in the record, and in `--json`
        self.name = name
        #: as docs/reference/json.md has it: text, time, number, whole, boolean, map, [map]; `?` may be null
        self.type = kind
        #: one line of documentation
        self.meaning = meaning
        #: the events that may have it, and BLOCK
        self.events = tuple(events.split())
        #: the version that wrote it first
        self.since = since
        #: the columns of the index that it fills, by event: `end` is its own one, `end=ended_at` another
        self.columns = dict([_columns_of(each, name) for each in index.split()])
        #: the events that make no run without it (or with a value that is no text)
        self.needed = tuple(needed.split())
        #: whether a run in `--json` has it
        self.in_json = json
        #: its place among the columns of `history --csv`
        self.csv = csv
        #: the events whose line in the syslog has it among its facts
        self.syslog = tuple(syslog.split())

    @property
    def kind(self) -> str:
        """The type without the `?`."""
        return self.type.rstrip("?")


def _columns_of(words: str, name: str) -> "tuple[str, tuple[str, ...]]":
    event, _, columns = words.partition("=")
    return event, tuple(columns.split(",")) if columns else (name,)


# In the order of the keys of `--json`. A new column of `--csv` gets the next free number: scripts count them.
FIELDS = (
    Field("event", "text", "what happened: see above", _ALL),
    Field(
        "run_id", "text", "its id; later runs have later ids", _WITH_ID, index="start end skip fault",
        needed="start end skip fault", json=True, csv=12,
        syslog=f"start end attempt skip fault waiting mail message stop {_HEALTH}",
    ),
    Field(
        "job", "text", "its job", _ALL, index="start end skip fault", needed="start end skip fault", json=True, csv=1,
    ),
    Field(
        "at", "time", "when it happened", _ALL, index="start=started_at end=ended_at skip=started_at,ended_at",
        needed="start end skip",
    ),
    Field(
        "trigger", "text?", "manual, web, cron, timer, scheduler, job", f"{_RUN} refusal", index="start end skip",
        json=True, csv=10, syslog=f"{_RUN} refusal",
    ),
    Field(
        "scheduled_at", "time?", "the planned time (slot); none of a run by hand", f"{_RUN} refusal mark",
        index="start end skip", json=True, csv=11, syslog="start end skip waiting repeat mark",
    ),
    Field(
        "late_seconds", "number?", "from its planned time to the record of its start", "start end", index="start end",
        json=True, csv=18, syslog="start",
    ),
    Field(
        "late_parts", "map?",
        "of that, in seconds: trigger (until its process began), lock, queue and jitter (waiting), gate (the rest)",
        "start end", index="start end", json=True, syslog="start",
    ),
    Field("started_at", "time", "when it began", "end attempt block", index="end", needed="end", json=True, csv=0),
    Field("ended_at", "time?", "when it ended", "", json=True),
    Field(
        "outcome", "text?", "succeeded, warned, failed, skipped, lost; null while it runs", "end skip attempt",
        index="end skip", needed="end skip", json=True, csv=2, syslog="end",
    ),
    Field("attempt", "whole", "1, 2 ...", "attempt", syslog="attempt"),
    Field(
        "reason", "text?", "why, in a word: exit_code, signal, stderr, timeout, held ...", "end skip attempt refusal",
        index="end skip", json=True, csv=3, syslog="end attempt skip",
    ),
    Field(
        "exit_code", "whole?", "of the command that decided", "end attempt refusal", index="end", json=True, csv=5,
        syslog="end attempt refusal",
    ),
    Field("signal", "text?", "that ended it", "end attempt", index="end", json=True, csv=6, syslog="end attempt"),
    Field(
        "duration_seconds", "number?", "how long it took", "end attempt", index="end", json=True, csv=4,
        syslog="end attempt",
    ),
    Field(
        "detail", "text?", "why, in a sentence; of output the line that decided",
        f"end attempt skip stray waiting stop refusal mail message incident scheduler web version {_HEALTH}",
        index="end skip", json=True, csv=14,
    ),
    Field("unplanned", "boolean", "a skip that nobody chose", "skip"),
    Field(
        "attempts", "[attempt]", "the tries; more than one with `retry`", "end block", index="end", json=True, csv=7,
    ),
    Field("stdout_bytes", "whole?", "printed to stdout", "end attempt", index="end", json=True),
    Field("stderr_bytes", "whole?", "printed to stderr", "end attempt", index="end", json=True),
    Field("log_dropped_bytes", "whole?", "left out of the log, see limits.log_bytes", "end", index="end", json=True),
    Field("cpu_seconds", "number?", "CPU time", "end block", index="end", json=True, csv=8),
    Field("cpu_of", "text?", "of which processes: tree, waited_for", "end", index="end", json=True),
    Field("memory_bytes", "whole?", "the peak", "end block", index="end", json=True, csv=9),
    Field("memory_of", "text?", "of which processes: tree, largest_process", "end", index="end", json=True),
    Field("read_bytes", "whole?", "from disks", "end", index="end", json=True),
    Field("written_bytes", "whole?", "to disks", "end", index="end", json=True),
    Field(
        "log", "text?", "the path of its log", "start attempt end", index="start end", json=True, csv=13,
        syslog="start end attempt",
    ),
    Field("log_offset", "whole?", "where in the log the attempt begins", "attempt"),
    Field(
        "slow_start", "boolean", "whether it was a run of a slow start", _RUN, index="start end", json=True,
        syslog="start",
    ),
    Field(
        "caught_up", "boolean", "whether it is late: for a missed time (`catch_up`), or after a late cause", _RUN,
        since="0.2.0", index="start end",
    ),
    Field("slow_start_step", "text", "which one: `2 of 3`, `probe`", _RUN, syslog="start"),
    Field(
        "by", "text?", "who started it",
        f"{_RUN} stop refusal crontab unit scheduler web version mark gap incident silence {_HEALTH}",
        index="start end skip", json=True,
        syslog=f"{_RUN} refusal stop hold release slow_start crontab unit scheduler web mark incident silence",
    ),
    Field(
        "host", "text?", "where",
        f"{_RUN} stop refusal mail message incident silence crontab unit scheduler web version mark gap {_HEALTH}",
        index="start end skip", json=True,
    ),
    Field(
        "note", "text?", "what whoever did it by hand gave as a reason", f"{_RUN} mark incident silence",
        syslog="mark incident silence",
    ),
    Field(
        "version", "text?", "of the job file: the beginning of its SHA-256", f"{_RUN} version",
        index="start end", json=True,
    ),
    Field("verdict", "text?", "of all facts: ignore, warn, retry, fail, hold", "end attempt", index="end", json=True),
    Field("decided_by", "map?", "the rule or fact that decided", "end attempt", index="end", json=True),
    Field("delay_seconds", "number?", "the wait after an attempt", "attempt"),
    Field("regex_faults", "[text]", "what kept patterns from being matched", "end"),
    Field("held", "text", "that the job is held since, in words", "end"),
    Field("log_error", "text?", "why the log is incomplete", "end", index="end", json=True, csv=15),
    Field("record_fault", "text?", "why the history is incomplete", "end", index="end", json=True, csv=16),
    Field(
        "health_fault", "text?", "why the health could not be updated", "end fault", index="end fault",
        needed="fault", json=True, csv=17,
    ),
    Field(
        "pid", "whole?", "of its runner, while it runs; of the scheduler", "start scheduler", index="start", json=True,
        syslog="start scheduler",
    ),
    Field("pid_start", "whole", "when that process began, in ticks since the boot", "start", index="start"),
    Field("boot_id", "text", "the boot of the host in which it was written", f"{_ALL} block", index="start"),
    Field("up", "number", "seconds since that boot, sleep included (CLOCK_BOOTTIME)", _ALL, since="0.2.0"),
    Field("written_at", "time", "when it was written, if later than `at`: `up` is of then", _ALL, since="0.2.0"),
    Field("pid_ns", "text?", "the pid namespace of the runner", "start", index="start"),
    Field("lock", "text", "the lock that it holds", "start"),
    Field("limits", "map", "the limits in force", "start"),
    Field("secrets", "[text]", "fingerprints of its secrets", "start"),
    Field("kind", "text?", "of a hold: by_hand, or why a rule did", "hold", syslog="hold"),
    Field(
        "until", "time?", "when a pause, a backoff or a silence is over", "hold backoff silence",
        syslog="hold backoff silence",
    ),
    Field("evidence", "text?", "what a run showed that made a rule hold the job", "hold", syslog="hold"),
    Field("held_since", "time?", "when the hold that is over began", "release", syslog="release"),
    Field("backoff_until", "time?", "until when it would have lasted", "release", syslog="release"),
    Field(
        "since", "time?", "when the hold began, or the version came into force", "probe version",
        syslog="probe version",
    ),
    Field("step", "text", "of a slow start: `1 of 3` went well", "slow_start", syslog="slow_start"),
    Field("health", "map", "all that is kept of the job's health, from now on", _HEALTH),
    Field(
        "hash", "text", "of the job's file and of what it plans, with the defaults: its version", "version block",
        since="0.2.0", syslog="version",
    ),
    Field("state", "text", "of the version: valid, invalid, gone", "version", since="0.2.0", syslog="version"),
    Field("schedule", "[text]?", "the times, `H` replaced by its number", "version", since="0.2.0", syslog="version"),
    Field("time_zone", "text?", "of the schedule; null: none that has a name", "version", since="0.2.0"),
    Field("disabled", "boolean?", "whether its planned times are skipped", "version", since="0.2.0"),
    Field("exclude", "[text]?", "the days on which they are skipped: 2026-12-24, 2026-12-24..2027-01-02", "version",
        since="0.2.0"),
    Field("start_within", "number?", "seconds: how old a planned time may be when its start arrives", "version",
        since="0.2.0"),
    Field(
        "after", "list?", "the jobs that it runs after, and how each must end; only where there are some", "version",
        since="0.2.0",
    ),
    Field("schedule_of", "text?", "the job whose schedule it has; only of a job without one", "version", since="0.2.0"),
    Field("catch_up", "map?", "what is made up for: which, within (seconds)", "version", since="0.2.0"),
    Field("commit", "text?", "the last one of the job directory's checkout that changed the file", "version",
        since="0.2.0", syslog="version"),
    Field("author", "text?", "of that commit", "version", since="0.2.0", syslog="version"),
    Field("dirty", "boolean?", "whether the file differs from that commit", "version", since="0.2.0",
        syslog="version"),
    Field("from", "time", "the last look before the gap", "gap", since="0.2.0", syslog="gap"),
    Field("boot", "boolean", "whether the host was started in it", "gap", since="0.2.0", syslog="gap"),
    Field("suspended", "number", "seconds that the host slept in it", "gap", since="0.2.0", syslog="gap"),
    Field("stepped", "number", "seconds by which the clock was set in it; below 0: back", "gap", since="0.2.0",
        syslog="gap"),
    Field(
        "letter", "text?", "what it is about: failure, recovery, refusal ...", "mail message", syslog="mail message",
    ),
    Field("result", "text", "sent, waits, given_up", "mail message"),
    Field("channel", "text", "webhook, exec, alertmanager ...", "message", since="0.2.0", syslog="message"),
    Field("to", "text", "the addresses, or the receiver without what is secret", "mail message", syslog="mail message"),
    Field("incident", "text?", "its incident", "mail message incident", since="0.2.0", syslog="mail message incident"),
    Field("cause", "text", "of the incident: failed, missed, host_down ...", "incident", since="0.2.0"),
    Field("jobs", "[text]", "the jobs that it concerns", "incident silence", since="0.2.0"),
    Field("tag", "text?", "the tag of the jobs", "silence", since="0.2.0", syslog="silence"),
    Field(
        "change", "text", "added, removed, changed; opened, closed ...; started, draining, ended; login, logout ...",
        "crontab unit scheduler incident silence web",
    ),
    Field("account", "text?", "whose session it was, or the name of the token", "web", since="0.2.0", syslog="web"),
    Field("role", "text?", "of the login or the token", "web", since="0.2.0", syslog="web"),
    Field("address", "text?", "from where somebody asked", "web", since="0.2.0", syslog="web"),
    Field("crontab", "text", "the path of the crontab", "crontab", syslog="crontab"),
    Field("unit", "text", "the path of the unit", "unit", since="0.2.0", syslog="unit"),
    Field("line", "text?", "the line now; of a unit those that differ", "crontab unit", syslog="crontab unit"),
    Field("was", "text?", "the line before", "crontab unit", syslog="crontab unit"),
    Field("path", "text", "the day of the journal, uncompressed", "seal", since="0.2.0"),
    Field("bytes", "whole", "how much of it is sealed", "seal", since="0.2.0"),
    Field("sha256", "text", "of these bytes", "seal", since="0.2.0"),
    Field("guard_pid", "whole?", "the process that outlives the runner", BLOCK),
    Field("kill_grace_seconds", "number", "between TERM and KILL", BLOCK),
    Field("timeout_seconds", "number?", "how long it may take, all attempts together", BLOCK),
    Field("cgroup", "text?", "its control group", BLOCK),
    Field("left", "[map]", "processes that could not be ended: pid and start", BLOCK),
    Field("end", "map?", "the record of its end", BLOCK),
    Field("journaled", "boolean", "whether the journal has its end", BLOCK),
    Field("recovered", "boolean", "whether it was put right by the journal after a boot", BLOCK),
)  # fmt: skip


def fields_of(event: str) -> "tuple[Field, ...]":
    """Return the fields that a record of this event may have; for BLOCK also those of a start."""
    if event == BLOCK:
        return tuple([field for field in FIELDS if BLOCK in field.events or "start" in field.events])
    return tuple([field for field in FIELDS if event in field.events])


_LAST_IN_SYSLOG = (
    "trigger", "scheduled_at", "late_seconds", "late_parts", "by", "line", "was", "pid", "slow_start",
    "slow_start_step", "log",
)  # fmt: skip


def syslog_fields(event: str) -> "tuple[str, ...]":
    """Return the fields in this event's line in the syslog; who asked and the path of the log come last."""
    names = [field.name for field in FIELDS if event in field.syslog]
    last = [name for name in _LAST_IN_SYSLOG if name in names]
    return (*[name for name in names if name not in last], *last)


def run_columns() -> "tuple[str, ...]":
    """Return the columns that a run has in the index."""
    filled = {column for field in FIELDS for columns in field.columns.values() for column in columns}
    return tuple([field.name for field in FIELDS if field.name in filled])


def fields_of_run_and_end() -> "tuple[str, ...]":
    """Return the names of the fields that the end of a run takes from its block, but for `attempts`."""
    of_end = fields_of("end")
    names = [field.name for field in of_end if "start" in field.events or field.name == "started_at"]
    return tuple([name for name in names if name not in OF_THE_WRITER])

"""The objects that `--json` prints: each key with its type and what it says.

Types: text, time (ISO 8601, UTC), number, whole (a number), boolean, any, map, the name of an object; `[…]` is a list,
`?` also null.
"""

import re
from dataclasses import dataclass

from process_control.core.records import FIELDS

_GAP = re.compile(r"\s{2,}")


@dataclass(frozen=True, slots=True)
class Key:
    """A key of an object. `is_rare`: it is there only when there is something to say."""

    name: str
    type: str
    meaning: str
    is_rare: bool = False


def keys_of(text: str) -> tuple[Key, ...]:
    """Read `name  type  meaning` lines; a name that ends in `*` is rare."""
    rows = [_GAP.split(line.strip(), maxsplit=2) for line in text.strip().splitlines()]
    return tuple(Key(name.rstrip("*"), kind, meaning, name.endswith("*")) for name, kind, meaning in rows)


OBJECTS: dict[str, tuple[Key, ...]] = {
    "fault": keys_of("""
        what   text   what is wrong
        where  text?  the place: file:line:column, a path or a job
        hint   text?  what to do
    """),
    "error": keys_of("""
        exit_code  whole    that of the command
        faults     [fault]  all that is wrong
    """),
    "run": tuple([Key(field.name, field.type, field.meaning) for field in FIELDS if field.in_json]),
    "attempt": keys_of("""
        attempt           whole    1, 2 ...
        started_at        time     when it began
        duration_seconds  number   how long it took
        outcome           text     succeeded, warned, failed
        reason            text?    as of a run
        exit_code         whole?   as of a run
        signal            text?    as of a run
        detail*           text?    as of a run
        stdout_bytes*     whole    printed to stdout
        stderr_bytes*     whole    printed to stderr
        log_offset*       whole?   where in the log it begins
        decided_by*       map?     as of a run
        verdict*          text?    as of a run
        delay_seconds*    number?  the wait after it
        faults*           [map]    what was found: the facts that a rule matched
    """),
    "hold": keys_of("""
        since       time?  when the job was held
        by          text?  by whom: a person at a host, or a rule
        why         text?  the note, or what the rule saw
        kind        text?  by_hand, or why a rule did
        until       time?  when it ends by itself: a pause
        next_probe  time?  when one scheduled run is tried
        run_id      text?  the run that made a rule hold the job
        evidence    text?  what that run showed
    """),
    "answer_to_why": keys_of("""
        job        text           the job
        now        now            how it stands at this moment
        slot       planned_time?  the planned time in question
        sentences  [text]         what is shown
    """),
    "asked_host": keys_of("""
        host     text     as the command line or the configuration names it
        ok       boolean  whether it answered
        version  text?    of process-control there, when it said so
        error    fault?   why there is no answer
    """),
    "now": keys_of("""
        runs        boolean    whether a run is in progress
        blocked_by  [blocker]  all reasons why none is
    """),
    "blocker": keys_of("""
        reason  text   invalid, gone, no_schedule, in_fleet, disabled, held, backoff, excluded, lock, survivors, ...
        since   time?  since when
        detail  text   in a sentence
        remedy  text?  a command that ends it, or shows more
    """),
    "planned_time": keys_of("""
        job           text        the job
        slot          time        the planned time
        fate          text        ran, skipped, missed, due: see [fates](fates.md)
        reason        text?       of a skip: why; of a run: why it ended so
        cause         text?       of a missed one: why
        run_id        text?       of the run that it had
        outcome       text?       of that run; null while it runs
        late_seconds  number?     how late it began
        late_parts    map?        of what that is made, in seconds
        evidence      [evidence]  what shows it
    """),
    "evidence": keys_of("""
        at    time?  when
        what  text   what
    """),
    "counted": keys_of("""
        job      text   the job
        planned  whole  planned times: the sum of the others
        ran      whole  that had a run
        skipped  whole  that were skipped
        missed   whole  that nothing became of
        due      whole  whose start may still come
    """),
    "fleet_log": keys_of("""
        run_id      text   in the history of its host
        job         text   the job
        host        text   that ran it
        started_at  time?  when it began
    """),
    "fleet_change": keys_of("""
        job     text   the job
        change  text   added, changed, unchanged, removed, left, refused
        lock    text?  its lock; null: it is refused
        why     text?  why it is refused
    """),
    "fleet_job": keys_of("""
        job         text   the job
        lock        text   its lock
        run_on      text   who may run it: any, host/NAME, tag/NAME
        state       text   running, waiting, held, disabled, idle
        why         text?  who holds it and until when, which run it is, or why the last one ended so
        next        time?  its next planned time
        last        time?  when its last run was started
        result      text?  how that ended: its outcome; skipped, missed
        host        text?  that ran it
        run_id      text?  in the history of that host
        running_on  text?  the host that runs it now; null: it is not running, or no host has taken the run yet
    """),
    "fleet_host": keys_of("""
        host                 text           its name in the fleet
        kind                 text           worker, control
        pid                  text           of the process
        last_seen            time           when it last asked the server for work
        answers              boolean?       whether the worker answers; null of a control process, as all that follows
        version              text?          of process-control
        commit               text?          of its job directory; null: that is no checkout
        dirty                boolean?       whether job files differ from that commit
        clock_ahead_seconds  number?        its clock against the server's
        tags                 [text]         its tags
        drift                [fleet_drift]  job files that are not those that were applied
    """),
    "fleet_drift": keys_of("""
        job      text  the job
        here     text  the hash of its file there; missing, invalid
        applied  text  the hash that was applied
    """),
    "metric": keys_of("""
        name     text      with its prefix: see [metrics](metrics.md)
        type     text      counter, gauge or histogram
        help     text      what it says
        samples  [sample]  its numbers
    """),
    "sample": keys_of("""
        name    text    that of the metric; of a histogram with _bucket, _sum or _count behind it
        labels  map     by name
        value   number  the number
    """),
    "timer": keys_of("""
        job           text     the job
        next          time?    when it runs next
        left_seconds  number?  how long that is
        last          time?    when its last run began
        result        text?    its outcome; running
        why*          text     why there is no next time
    """),
    "lane": keys_of("""
        job        text       the job
        stretches  [stretch]  by time
    """),
    "stretch": keys_of("""
        from   time  when it begins
        until  time  when it ends; the same for what did not run
        kind   text  an outcome, running, planned, missed, due
    """),
    "collision": keys_of("""
        from   time    when it begins
        until  time    when it ends
        lock   text    the lock
        jobs   [text]  that have runs then
    """),
    "peak": keys_of("""
        at    time   when it begins
        jobs  whole  how many
    """),
    "doc_page": keys_of("""
        page   text  what `process-control help` takes
        title  text  its heading
    """),
    "window": keys_of("""
        from   time  when it begins
        until  time  when it ends
    """),
    "clock_change": keys_of("""
        at       time   when
        seconds  whole  by how much the clock is set forward; below 0: back
    """),
    "slow_start": keys_of("""
        step                text     the next run, as `2 of 3`
        runs                whole    how many it takes
        successes           whole    how many succeeded
        last_seconds        number?  of the last such run
        usual_seconds       number?  of runs before
        last_output_bytes   number?  of the last such run
        usual_output_bytes  number?  of runs before
        is_unusual          boolean  whether these are far apart
    """),
    "job": keys_of("""
        job                text         its slug: the name of its file
        name               text?        its name; null when the file is invalid
        state              text         failing, invalid, late, held, warned, stopped, slow start, running ...
        why                text?        the reason for its state
        alerts             [text]       what else needs a look
        health             text         healthy, failing, held, slow_start
        failures_in_row    whole        scheduled runs that failed, one after the other
        held               hold?        who holds it and why
        slow_start         slow_start?  the progress of a slow start
        backoff_until      time?        until when planned times are skipped after failures
        late               time?        the planned time (slot) without a run
        stale              text?        that it has not succeeded within `expect.success_every`
        incident           text?        the id of its open incident
        silenced_until     time?        until when nobody is notified about it
        next               time?        the next planned time
        last               run?         the last run that ended and was not skipped
        running            run?         the current run
        recent             [text]       outcomes of the last runs, oldest first
        median_seconds     number?      of the last successful runs
        schedule           [text]?      as the file has it
        schedule_in_words  text?        in plain English
        disabled           boolean?     whether the file disables it
        tags               [text]       its tags
        owner              text?        its owner
        description        text?        its description
        path               text         of its file
    """),
    "changed_job": keys_of("""
        job               text      the job
        done              text      what was done: held, released, was not held ...; would hold
        changed           boolean   whether anything is different now
        health*           text      its health now
        failures_in_row*  whole     as of a job
        held*             hold?     who holds it now
        why*              text?     the note
        until*            time?     when it ends by itself: a hold in the fleet
    """),
    "started_job": keys_of("""
        job         text     the job
        done        text     started, queued (it waits for its lock), not started; would run
        changed     boolean  whether a run began or will
        run_id*     text?    its run
        why*        text?    why it was not started, or what it waits for
        exit_code*  whole?   of run-job, when it was not started
    """),
    "marked_slot": keys_of("""
        job      text     the job
        done     text     marked; would mark
        changed  boolean  whether it is recorded
        slot     time     the planned time
        note     text     why
    """),
    "incident": keys_of("""
        id            text          its key at every receiver
        cause         text          failed, missed, host_down ...; see the glossary
        state         text          open, acknowledged, flapping, closed
        jobs          [text]        the jobs that it concerns
        counts        map           the trouble of each job
        count         whole         of all jobs
        since         time          the first trouble
        opened_at     time?         when people were notified first
        closed_at     time?         when it was over
        closed_by     text?         why it is over
        reason        text          of the last trouble, in a word
        sentence      text          the last trouble
        run_id        text?         the last run that it is about
        acknowledged  acknowledgement?  by whom
        silenced      time?         until when nobody is notified about it
        told          [told]        the messages that were accepted or given up
    """),
    "acknowledgement": keys_of("""
        at    time   when
        by    text?  by whom
        note  text?  what is done about it
    """),
    "told": keys_of("""
        channel  text  mail, webhook, exec, alertmanager, apprise
        to       text  the receiver, without what is secret
        event    text  opened, reminder, changed, flapping, closed
        at       time  when it was accepted
        answer   text  what the receiver answered
    """),
    "incident_step": keys_of("""
        at    time  when
        what  text  what happened
    """),
    "login": keys_of("""
        name      text  the name
        password  text  the hash of its password
        role      text  viewer, operator, admin
    """),
    "token": keys_of("""
        name        text   the name
        role        text   viewer, operator, admin
        created_at  time   when it was made
        ends_at     time?  until when it lasts
        by          text?  who made it
    """),
    "silence": keys_of("""
        job      text?    the job
        tag      text?    or the tag of the jobs
        done     text     silenced, unsilenced
        changed  boolean  whether it is recorded
        until    time     when it is over, or would have been
        by       text     who silenced them
        note     text?    why
    """),
    "proposed_recovery": keys_of("""
        job       text    the job
        cause     text    why most of them were missed; lost: they had runs that were lost
        slots     [time]  the planned times, oldest first
        proposal  text    once (the newest is run), each, leave
    """),
    "recovered_slot": keys_of("""
        job        text   the job
        slot       time   the planned time
        done       text   run, failed, not started, run by another start
        exit_code  whole  of run-job
        why        text?  why it failed or was not started
    """),
    "stopped_job": keys_of("""
        job      text     the job
        done     text     stopped, not stopped; would stop
        changed  boolean  whether its process tree is gone because of this
        run_id*  text?    the run
        why*     text     in a sentence
        left*    [text]   processes that could not be ended
    """),
    "ended_run": keys_of("""
        run_id        text    as of a run
        job           text    as of a run
        trigger       text?   as of a run
        scheduled_at  time?   as of a run
        started_at    time?   as of a run
        ended_at      time?   as of a run
        outcome       text?   as of a run; null: --timeout expired first
        reason        text?   as of a run
        detail        text?   as of a run
        exit_code     whole?  as of a run
        signal        text?   as of a run
    """),
    "line": keys_of("""
        job            text    the job that printed it
        run_id         text    of its run
        at             time?   when it was printed
        stream         text    out, err; cut: bytes were left out here
        text           text?   the line, control characters escaped, secrets masked
        dropped_bytes  whole?  how many bytes were left out here
    """),
    "value": keys_of("""
        key     text  the key
        value   any   its value
        words   text  as people write it
        origin  text  where it comes from: a place in a file, or built in
    """),
    "slot": keys_of("""
        at     time  the planned time
        local  text  the same in the time zone of the schedule
        mark   text  what a clock change does to it
    """),
    "trouble": keys_of("""
        job       text   the job; cron, mail: what concerns more than one
        severity  whole  1 warning, 2 critical
        state     text   its state; alert, stale, cron, mail
        why       text   the reason
    """),
    "finding": keys_of("""
        file    text    the path
        line    whole?  1, 2 ...
        column  whole?  1, 2 ...
        kind    text    fault, or that of a warning: clock, either_day, overlap, lock, timeout, herd, tag, cron, pool
        what    text    what is wrong
        hint    text?   what to do
    """),
    "repair": keys_of("""
        file     text     the path
        diff     text     what is different
        changed  boolean  whether it was written: not with --dry-run
    """),
    "revision": keys_of("""
        revision  text  as it was named
        commit    text  its id
    """),
    "planned_job": keys_of("""
        job               text           its name
        change            text           added, removed, changed
        keys              [changed_key]  whose effective values differ
        schedule          both_texts     in words
        slots_added       [time]         planned times that come with the change
        slots_removed     [time]         those that go
        first_difference  time?          the first of both, also when it is later than `until`; null: there is none
        faults            both_faults    why a file is invalid: then nothing starts
    """),
    "changed_key": keys_of("""
        key     text   its full name; of `environment` with the name of the variable
        before  text?  the value in words; of a variable only whether it is set
        after   text?  the same
    """),
    "renamed_job": keys_of("""
        before  text  the job's name before
        after   text  its new name
    """),
    "both_texts": keys_of("""
        before  text?  null: there is none
        after   text?  the same
    """),
    "both_faults": keys_of("""
        before  [fault]  none: the file is valid, or not there
        after   [fault]  the same
    """),
    "peaks": keys_of("""
        before  peak?  null: nothing runs
        after   peak?  the same
    """),
    "expected": keys_of("""
        state          text     new, gone, as before
        kind           text     overlap (with itself), lock (of jobs under one lock), herd (many in one minute), timeout
        jobs           [text]   which jobs
        at             time?    the first time
        count          whole?   how often; of a herd how many jobs
        lock           text?    of the kind lock
        usual_seconds  number?  how long a run, or an attempt, usually takes
        limit_seconds  number?  the time between two starts, or the timeout
    """),
    "replay": keys_of("""
        job      text            its name
        judged   whole           how many past runs were judged by both rules
        unknown  whole           how many could not be: their log or a fact is not there any more
        changes  [judged_again]  those with another outcome, newest first
    """),
    "judged_again": keys_of("""
        run_id            text       the run
        before            judgement  by the rules before the change
        after             judgement  by those after it
        failed_by_itself  boolean    whether the command itself failed, whatever it printed
    """),
    "judgement": keys_of("""
        outcome  text   succeeded, warned, failed
        reason   text?  as of a run
    """),
    "checked": keys_of("""
        check   text   what was checked, in a word
        state   text   ok, warn or bad
        what    text   how it stands
        remedy  text?  a command that puts it right; null: nothing is to be done
    """),
    "key": keys_of("""
        key      text   its whole name, as retention.days
        file     text   job file, or configuration
        type     text   what it holds
        form     text   how that is written
        default  text?  its value without the key
        state    text   required, optional, another spelling of ...
        meaning  text   what it does
        example  text   lines of YAML
    """),
    "proposal": keys_of("""
        stderr       text   the pattern of a rule
        example      text   a line that it matches
        good_runs    whole  successful runs with it
        failed_runs  whole  failed runs with it
    """),
    "removed": keys_of("""
        path        text   the file
        size_bytes  whole  its size
        why         text   which limit of `retention`
    """),
    "step": keys_of("""
        done  text  wrote, made, kept; would write, would make
        what  text  configuration, job directory, first job
        path  text  where
    """),
    "left_out": keys_of("""
        job     text     the job, or the name of a file that is not a job
        known   boolean  whether the crontab that was there says so already
        faults  [fault]  why
    """),
    "broken_seal": keys_of("""
        file       text             the day of the journal, uncompressed
        sealed_at  text?            when, as the syslog has it
        from_byte  whole            up to there earlier seals hold
        to_byte    whole            how much was sealed
        why        text             what is wrong
        has_index  boolean          whether there was an index to compare the lines with
        lines      [changed_line]   those of the part that are not as in the index
        missing    [text]           what the index has of the day, and no line
    """),
    "changed_line": keys_of("""
        line  whole  its number in the day
        what  text   the event, the job, the run, and what differs
    """),
    "unit": keys_of("""
        unit  text   its path; printed: its name
        job   text?  the job; null: of `watch`
        done  text   printed, added, changed, removed, would add, would change, would remove
        text  text   the unit; empty when it is removed
    """),
    "not_exported": keys_of("""
        job     text     the job, or the name of a file that is not a job
        faults  [fault]  why
    """),
    "change": keys_of("""
        job     text?  the job; null: a line of the head
        change  text   added, removed, changed
        line    text?  the line now
        was     text?  the line before
    """),
    "imported": keys_of("""
        source   text           the file that was read
        target   text           the file that was written
        done     text           wrote, would write, same, kept, left out
        changes  [file_change]  what was rewritten
        faults   [fault]        why it was left out
    """),
    "tried": keys_of("""
        channel  text      mail, webhook, exec, alertmanager, apprise
        to       [text]    addresses, or a URL without what may be secret
        by       text      of mail the server or program that it was handed to; empty for other channels
        taken    boolean?  whether the message was accepted; null with --dry-run
        why      text?     why not
        answer   text?     what the receiver answered
    """),
    "imported_crontab": keys_of("""
        crontab         text              its path, or whose it is
        entries         [imported_entry]  every line that cron runs, or cannot read
        faults          [fault]           what makes cron ignore the whole file
        blank_lines     whole             how many lines are empty
        comment_lines   whole             how many are comments
        variable_lines  whole             how many set a variable
        commented_out   [number]          the lines of comments that are entries behind a #
    """),
    "imported_entry": keys_of("""
        line     whole     its number
        text     text      the line
        job      text?     the job's slug
        target   text?     the job file
        done     text      wrote, would write, same, kept, left out
        remarks  [remark]  what the job file says in another way
        faults   [fault]   why it was left out
        proof    proof?    of --prove: whether line and job have the same times
    """),
    "in_charge": keys_of("""
        trigger  text     scheduler, cron, timers, nobody
        alive    boolean  whether it works: a scheduler that died without an end is in charge, and not alive
        since    time?    of the scheduler: since when it is running, or when it was last seen alive
    """),
    "adopted": keys_of("""
        done            text     adopted, completed, undone; would adopt, would complete, would undo
        crontab         text     its path, or whose it is
        line            whole    the number of the line
        text            text     the line as cron ran it, or runs it again
        job             text     the job's slug
        target          text     the job file
        job_file        text     wrote, same, kept, would write; with --undo: removed, disabled, would remove ...
        generated       text     the crontab that starts the job, or did
        for_scheduler   boolean  whether the scheduler starts the job, and that crontab stays as it is
        waited_seconds  number   how long it took until the line was not due
        late            boolean  whether writing took until the next minute
    """),
    "remark": keys_of("""
        what  text  old and new words
        why   text  the reason
    """),
    "proof": keys_of("""
        equal       boolean  whether all times are equal
        days        whole    how many days were compared
        time_count  whole    how many times both have
        differs_at  time?    the first that only one of them has
    """),
    "file_change": keys_of("""
        line  whole?  of the old file
        what  text    old and new words
        why   text    the reason
    """),
    "dry_run": keys_of("""
        job                      text     the job
        name                     text     its name
        file                     text     its path
        version                  text     as of a run
        only_if                  map?     command, executable, timeout_seconds of its condition, which is not run
        commands                 [any]    each a list of words
        executables              [text]   the program of each
        environment              [text]   names of variables
        working_directory        text     where they run
        user                     text     as whom
        umask                    text     in octal digits
        timeout_seconds          number   0: no limit
        kill_grace_seconds       number   between TERM and KILL
        silence_timeout_seconds  number?  how long it may print nothing
        log_bytes                whole    how long a log may be
        limits                   map      other limits
        attempts                 whole    how many tries
        lock                     text     the lock file
        lock_held_by             map?     the run that holds it
        on_overlap               text     what happens then
        pool                     text?    its pool
        full                     [text]   its pool, or the host, when no place is free there
        output_directory         text     where its logs are
        stdout                   text?    the file that gets a copy
        faults                   [fault]  what it would miss: programs, directories, files
    """),
}  # fmt: skip

_OLD_FAULT = Key("mend", "text?", "is hint")
OLD_KEYS: dict[str, tuple[Key, ...]] = {
    "changed_job": keys_of("""
        state*           text    is health
        slow_successes*  whole   is slow_start.successes of a job
        since*           time?   is held.since
        by*              text?   is held.by
        run_id*          text?   is held.run_id
        release_at*      time?   is held.until
        hold_kind*       text?   is held.kind
    """),
    "stopped_job": keys_of("""
        stopped*  boolean  is changed
        words*    text     is why
    """),
    "fault": (Key("mend", "text?", "is hint", is_rare=True),),
    "finding": (_OLD_FAULT,),
    "step": (Key("did", "text", "is done"),),
    "imported": (Key("did", "text", "is done"),),
}

OBJECTS["shown_job"] = (
    *OBJECTS["job"],
    Key("values", "[value]", "every key of the job file"),
    Key("slots", "[slot]", "the next planned times"),
)

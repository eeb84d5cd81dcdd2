"""What `--json` prints, as values: each answer with its keys; the objects in them are in `json_objects`.

The reference page is made of it, and the tests hold the answers of the real commands against it.
"""

from typing import Any

from process_control.core.json_answers import LOOKS, Answer
from process_control.core.json_objects import OBJECTS, OLD_KEYS, Key, keys_of

ANSWERS = (
    *LOOKS,
    Answer(commands=("process-control list",), keys=keys_of("""
        in_charge  in_charge  what starts the jobs
        jobs       [job]      by name
    """)),
    Answer(commands=("run-job --list-jobs", "run-job --status"), keys=keys_of("""
        jobs  [job]  worst first
    """)),
    Answer(commands=("process-control metrics",), keys=keys_of("""
        metrics  [metric]  all of them, with the numbers that the text has
    """)),
    Answer(commands=("process-control help",), keys=keys_of("""
        pages  [doc_page]  by folder and name
    """)),
    Answer(commands=("process-control audit",), keys=keys_of("""
        events    [map]    as the journal has them, oldest first: see [records](records.md); and `sentence`
        has_more  boolean  whether --limit left some out
    """)),
    Answer(commands=("process-control audit --verify",), keys=keys_of("""
        holds   boolean       whether there are seals, and all hold
        seals   whole         how many were held against the journal
        files   whole         of how many days
        broken  whole         how many do not hold
        pruned  [text]        sealed days that retention has removed since
        first   broken_seal?  the first that does not hold
    """)),
    Answer(commands=("process-control logs --fleet",), keys=keys_of("""
        run    fleet_log  which run it is
        lines  [line]     what it printed
        notes  [text]     what a reader has to know: that only the end of it is shown, and why
    """)),
    Answer(commands=("process-control fleet apply",), keys=keys_of("""
        changes    [fleet_change]  by name
        dry_run    boolean         whether nothing was handed over
        warnings*  [text]          what works, and might surprise
    """)),
    Answer(commands=("process-control fleet status",), keys=keys_of("""
        jobs  [fleet_job]  by name
    """)),
    Answer(commands=("process-control fleet hosts",), keys=keys_of("""
        hosts  [fleet_host]  by name: each worker and each control process
    """)),
    Answer(commands=("process-control fleet doctor",), keys=keys_of("""
        findings  [checked]  of every check
        done*     [text]     what --fix did
    """)),
    Answer(commands=("process-control show",), keys=keys_of("""
        job  shown_job  the job, with the keys `values` and `slots` besides
    """)),
    Answer(commands=("process-control run",), keys=keys_of("""
        jobs  [started_job]  in the order of names
    """), old=keys_of("""
        started*  [map]  is jobs
    """)),
    Answer(commands=("process-control stop",), keys=keys_of("""
        jobs  [stopped_job]  in the order of names
    """)),
    Answer(commands=("process-control wait",), keys=keys_of("""
        runs  [ended_run]  of each job that was waited for
    """)),
    Answer(commands=("process-control hold", "process-control pause", "process-control release"), keys=keys_of("""
        jobs  [changed_job]  in the order of names
    """)),
    Answer(commands=("process-control mark",), keys=keys_of("""
        jobs  [marked_slot]  the one that was named
    """)),
    Answer(commands=("process-control ack",), keys=keys_of("""
        done      text      acknowledged; would acknowledge
        changed   boolean   whether it is recorded
        incident  incident  as it is now
    """)),
    Answer(commands=("process-control silence", "process-control unsilence"), keys=keys_of("""
        silences*  [silence]      by the words of the command
        jobs*      [changed_job]  with --dry-run: the jobs that would be changed
    """)),
    Answer(commands=("process-control recover",), keys=keys_of("""
        proposals  [proposed_recovery]  by cause, then by name
        results*   [recovered_slot]     with --yes: in the order of their ends
    """)),
    Answer(commands=("process-control lint",), keys=keys_of("""
        findings  [finding]  by file and place
        fixes*    [repair]   with --fix: the files that were repaired
    """)),
    Answer(commands=("process-control plan",), keys=keys_of("""
        before             revision        what is compared
        after              revision?       with what; null: the files as they are
        from               time            planned times after this moment
        until              time            and not after this one are compared
        fires_differently  boolean         whether a planned time is added or removed, now or later
        jobs               [planned_job]   those that are not the same, by name
        renamed            [renamed_job]   removed and added jobs of which only the name has changed
        peak               peaks           how many jobs run at once at most
        expected           [expected]      overlaps, herds and timeouts: new ones, those that are gone, the others
        unknown_durations  [text]          jobs with too few runs to say how long they take
        replay*            [replay]        with --replay: the past runs of each job whose rules change
    """)),
    Answer(commands=("process-control explain",), keys=keys_of("""
        keys  [key]  more than one when both files have it
    """)),
    Answer(commands=("process-control learn",), keys=keys_of("""
        job          text        the job
        good_runs    whole       how many successful runs were read
        failed_runs  whole       how many others
        proposals    [proposal]  rules to paste
    """)),
    Answer(commands=("process-control prune",), keys=keys_of("""
        done        text       removed, would remove
        removed     [removed]  logs and days of the journal
        compressed  [text]     days of the journal
        faults      [text]     what could not be done
        error*      error      the same as every error
    """)),
    Answer(commands=("process-control init",), keys=keys_of("""
        steps  [step]  what was done
        next   text    the command to try
    """)),
    Answer(commands=("process-control notify test",), keys=keys_of("""
        to        [text]    all recipients: addresses, and URLs without what may be secret
        by        text      the servers and programs that mail was handed to, and the channels of the others
        taken     boolean?  whether every message was accepted; null with --dry-run
        why       text?     why not
        channels  [tried]   each recipient
        dry_run   boolean   whether nothing was sent
    """)),
    Answer(commands=("process-control notify preview",), keys=keys_of("""
        job      text     the slug
        as       text     what the message is about: failed, missed, recovered ...
        made_up  boolean  whether it is about something that never happened
        subject  text     of the mail
        text     text     for a terminal
        html     text     the page that a mail has beside the text
        short    text     for a chat
    """)),
    Answer(commands=("process-control web link",), keys=keys_of("""
        url  text  the address that opens the page
    """)),
    Answer(commands=("process-control web passwd",), keys=keys_of("""
        user  login  for `web.users` of the configuration
    """)),
    Answer(commands=("process-control web token create",), keys=keys_of("""
        token   token?  what was made; null with --dry-run
        secret  text?   the token itself, which is shown this once; null with --dry-run
    """)),
    Answer(commands=("process-control web token list",), keys=keys_of("""
        tokens  [token]  those that last, oldest first
    """)),
    Answer(commands=("process-control web token revoke",), keys=keys_of("""
        done     text     what was done
        changed  boolean  whether that changed anything
        token    token    the one that is over
    """)),
    Answer(commands=("process-control import original",), keys=keys_of("""
        files    [imported]  each that was found
        dry_run  boolean     whether nothing was written
    """)),
    Answer(commands=("process-control export systemd",), keys=keys_of("""
        units             [unit]          printed, or those that differ from what is installed
        left_out          [not_exported]  jobs that no timer can run, and invalid files
        disabled          [text]          jobs without units because they are disabled
        at_clock_changes  [text]          jobs whose timers have moments in UTC that systemd would leave out
        commands          [text]          with --apply: what is to be called, where systemd is not running
    """)),
    Answer(commands=("process-control import crontab",), keys=keys_of("""
        crontabs*  [imported_crontab]  each that was read
        adopted*   adopted             with --adopt and --undo: what became of the line
        dry_run    boolean             whether nothing was written
    """)),
    Answer(commands=("cron-generate",), keys=keys_of("""
        crontab         text        the path, or console
        done            text        wrote, kept, printed, would write
        job_count       whole       jobs with lines in it
        line_count      whole       lines that cron runs
        disabled_count  whole       jobs that are disabled
        left_out        [left_out]  jobs that cron cannot run, and invalid files
        changes         [change]    lines that are different now
        alerts          [text]      cron does not run here
        text*           text        the crontab: with --dry-run, and on the console
    """), old=keys_of("""
        did  text  is done
    """)),
    Answer(commands=("run-job --dry-run",), keys=keys_of("""
        dry_run  dry_run  what would run
    """)),
)  # fmt: skip

ERROR = Answer(commands=("every command",), keys=keys_of("error  error  what is wrong"))

HOST = Key("host", "text", "its host, as the command line names it")
ASKED_HOSTS = Key("hosts", "[asked_host]", "each host that was asked")
#: An error, and the steps of one incident.
WITHOUT_HOST = ("error", "incident_step")

PRIMITIVES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "time": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"},
    "number": {"type": "number"},
    "whole": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "map": {"type": "object"},
    "any": {},
}


def json_schema(answer: Answer) -> dict[str, Any]:
    """Return the JSON Schema of an answer: nothing may be missing, nothing else be there."""
    version = Key("version", "whole", "1")
    objects = {name: _schema_of((*keys, *OLD_KEYS.get(name, ()))) for name, keys in OBJECTS.items()}
    return {**_schema_of((version, *answer.keys, *answer.old)), "definitions": objects}


def json_schema_of_hosts(answer: Answer) -> dict[str, Any]:
    """Return the JSON Schema of an answer with --host: objects have their host besides, and there is `hosts`."""
    keys = answer.keys_of_hosts or answer.keys
    schema = json_schema(Answer(commands=answer.commands, keys=(*keys, ASKED_HOSTS)))
    definitions = schema["definitions"]
    for key in keys:
        kind = key.type.strip("[]?")
        if kind in OBJECTS and kind not in WITHOUT_HOST:
            definitions[kind] = _schema_of((HOST, *[each for each in OBJECTS[kind] if each.name != HOST.name]))
    return schema


def _schema_of(keys: tuple[Key, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {key.name: _schema_of_type(key.type) for key in keys},
        "required": [key.name for key in keys if not key.is_rare],
        "additionalProperties": False,
    }


def _schema_of_type(kind: str) -> dict[str, Any]:
    if kind.endswith("?"):
        return {"anyOf": [_schema_of_type(kind[:-1]), {"type": "null"}]}
    if kind.startswith("["):
        return {"type": "array", "items": _schema_of_type(kind[1:-1])}
    return PRIMITIVES.get(kind) or ({} if kind == "any" else {"$ref": f"#/definitions/{kind}"})

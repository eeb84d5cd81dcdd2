"""What `--json` prints for the commands that look at jobs: each answer with its keys. Values only.

The reference page is made of it, the tests hold the real answers against it, and answers of other hosts are checked
with it before anything of them is shown (`fleet/answer_types.py`). The objects in the answers are in `json_objects`.
"""

from dataclasses import dataclass

from process_control.core.json_objects import Key, keys_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What some commands print: their names, and the keys beside `version`."""

    commands: tuple[str, ...]
    keys: tuple[Key, ...]
    #: names that go with 1.0
    old: tuple[Key, ...] = ()
    #: with --host, where that is not the same: each object then has its host besides, and the answer has `hosts`
    keys_of_hosts: tuple[Key, ...] = ()


#: These take `--host`.
LOOKS = (
    Answer(commands=("process-control status",), keys=keys_of("""
        alerts     [text]     what is wrong with more than one job: with the scheduler, cron, or the crontab
        in_charge  in_charge  what starts the jobs
        jobs       [job]      worst first
    """), keys_of_hosts=keys_of("""
        alerts  [text]  as of one host, with HOST: in front
        jobs    [job]   those of the first host, worst first, then those of the next
    """)),
    Answer(commands=("process-control history",), keys=keys_of("""
        runs      [run]    newest first
        has_more  boolean  whether --limit left some out
    """)),
    Answer(commands=("process-control why",), keys=keys_of("""
        job        text      the job
        now        now       how it stands at this moment
        slot       planned_time?  the planned time in question: the last one, or that at or before TIME
        sentences  [text]    what is shown; one that names a remedy ends in a command
    """), keys_of_hosts=keys_of("""
        answers  [answer_to_why]  of each host that answered
    """)),
    Answer(commands=("process-control slots",), keys=keys_of("""
        slots  [planned_time]  newest first
    """)),
    Answer(commands=("process-control slots --count",), keys=keys_of("""
        jobs  [counted]  by name
    """)),
    Answer(commands=("process-control timers",), keys=keys_of("""
        timers  [timer]  soonest first, then those that will not run
    """)),
    Answer(commands=("process-control day",), keys=keys_of("""
        from           time            when the day begins
        until          time            when the next one does
        lanes          [lane]          of each job: what failed or was missed first, then the busiest
        collisions     [collision]     runs of different jobs under one lock
        peak           peak?           how many jobs run at once at most
        quiet          [window]        half an hour and more without a run
        clock_changes  [clock_change]  of the host's zone
    """), keys_of_hosts=keys_of("""
        from           time?           when the day begins on the first host, in its zone
        until          time?           when the next one does on the last
        lanes          [lane]          of each job
        collisions     [collision]     runs of different jobs of a host under one lock
        peak           peak?           of the host on which most jobs run at once
        quiet          [window]        of each host half an hour and more without a run
        clock_changes  [clock_change]  of each host's zone
    """)),
    Answer(commands=("process-control logs",), keys=keys_of("""
        run*   run     the run, when one is shown: without --since, --grep and several jobs, or with --run
        lines  [line]  what was printed; with -f one object a line, with `version` in it
    """), keys_of_hosts=keys_of("""
        runs   [run]   of each host the run, when one is shown there
        lines  [line]  by host; of several runs by time
    """)),
    Answer(commands=("process-control incidents",), keys=keys_of("""
        incidents*  [incident]        the open ones, newest first; with --all closed ones after them
        incident*   incident          with `show ID`: that one
        story*      [incident_step]   with `show ID`: its changes and messages, oldest first
    """)),
    Answer(commands=("process-control check",), keys=keys_of("""
        exit_code  whole      0, 1, 2 or 3
        text       text       what the plugin prints without --json
        troubles   [trouble]  worst first
        error*     error      why the result is unknown
    """)),
    Answer(commands=("process-control doctor",), keys=keys_of("""
        findings  [checked]  of every check
        done*     [text]     what --fix did, would do or could not do
    """)),
)  # fmt: skip

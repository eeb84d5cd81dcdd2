"""What the API takes: each address with its parameters and the keys of its body. Pure.

Requests are checked against it, and `openapi.json` and the reference page are made of it.
"""

from dataclasses import dataclass

from process_control.core.facts import MAX_NOTE, OUTCOMES
from process_control.core.job_state import WORST_FIRST
from process_control.core.schedule.slots import FATES

PREFIX = "/api/v1"
DEFAULT_LIMIT, MAX_LIMIT = 50, 1000
MAX_WORD = 200
#: A day between 1970 and 2999; that there is such a day is checked when it is read.
_DAY = r"(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_ZONE = r"(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])"

TEXT, JOB, WHOLE, BYTE, SWITCH, TIME, DAY, DURATION, CURSOR, REGEX = (
    *("text", "job", "whole", "byte", "switch", "time", "day", "duration", "cursor", "regex"),
)
#: Of each kind that is not free text: what a value looks like, and that in words.
FORMS: dict[str, tuple[str, str]] = {
    WHOLE: (r"[1-9][0-9]{0,3}", f"a whole number from 1 to {MAX_LIMIT}"),
    BYTE: (r"[1-9][0-9]{0,17}", "a number of bytes"),
    SWITCH: (r"true|false", "true or false"),
    TIME: (
        rf"[0-9]{{1,5}}[smh]|[0-9]{{1,3}}d|today|yesterday|{_DAY}(T{_CLOCK}(:[0-5][0-9](\.[0-9]{{1,6}})?)?{_ZONE}?)?",
        "7d or 90s (so long ago), today, yesterday, 2026-03-01, 2026-03-01T02:30 or 2026-03-01T02:30:00Z",
    ),
    DAY: (rf"today|yesterday|tomorrow|{_DAY}", "today, yesterday, tomorrow or 2026-03-01"),
    DURATION: (r"[1-9][0-9]{0,4}[smh]|[1-9][0-9]{0,2}d", "90s, 10m, 2h or 1d"),
    CURSOR: (r"[A-Za-z0-9_-]{1,400}", "the value of `next`, as it was"),
}
SLUG = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
RUN_ID = r"[0-9a-z]{16}"
INCIDENT_ID = r"[A-Za-z0-9_.~-]{1,100}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter in the address, or a key of a body."""

    name: str
    kind: str
    meaning: str
    #: What a value has to be one of; none: whatever fits the kind.
    choices: tuple[str, ...] = ()
    is_required: bool = False
    #: It may be given several times.
    is_repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What one method of one address does."""

    name: str
    method: str
    #: Below PREFIX.
    path: str
    summary: str
    #: In the address, behind the `?`.
    parameters: tuple[Parameter, ...] = ()
    #: The keys of the JSON body.
    body: tuple[Parameter, ...] = ()
    #: Whether other hosts are asked for the answer.
    asks_fleet: bool = False

    @property
    def is_list(self) -> bool:
        """Whether it comes in parts."""
        return any(each.kind == CURSOR for each in self.parameters)


LIMIT = Parameter(name="limit", kind=WHOLE, meaning=f"at most so many rows, {DEFAULT_LIMIT} without it")
CURSOR_OF = Parameter(name="cursor", kind=CURSOR, meaning="the part that follows: `next` of the one before")
PARTS = (LIMIT, CURSOR_OF)
OF_JOBS = Parameter(name="job", kind=JOB, meaning="only of these: a slug, a glob or tag:NAME", is_repeated=True)
NOTE = Parameter(name="note", kind=TEXT, meaning=f"why, for the audit; at most {MAX_NOTE} characters are kept")
FOR = Parameter(name="for", kind=DURATION, meaning="how long: 90s, 10m, 2h, 1d", is_required=True)

OPERATIONS = (
    Operation(
        name="jobs", method="GET", path="/jobs", summary="All jobs, worst first, as `process-control status`",
        parameters=(
            Parameter(name="state", kind=TEXT, meaning="only those in this state", choices=tuple(WORST_FIRST)),
            Parameter(name="tag", kind=TEXT, meaning="only those with this tag"),
            Parameter(name="owner", kind=TEXT, meaning="only those of this owner"),
            Parameter(name="text", kind=TEXT, meaning="only those with this text in name, reason or description"),
            *PARTS,
        ),
    ),
    Operation(name="job", method="GET", path="/jobs/{slug}", summary="One job"),
    Operation(
        name="runs", method="GET", path="/runs", summary="Runs, newest first, as `process-control history`",
        parameters=(
            OF_JOBS,
            Parameter(name="since", kind=TIME, meaning="only those that began since then"),
            Parameter(
                name="outcome", kind=TEXT, meaning="only those with this outcome", is_repeated=True,
                choices=(*OUTCOMES, "running"),
            ),
            *PARTS,
        ),
    ),
    Operation(name="run", method="GET", path="/runs/{run_id}", summary="One run"),
    Operation(
        name="log", method="GET", path="/runs/{run_id}/log",
        summary="What a run printed, as `process-control logs`: secrets masked, control characters escaped",
        parameters=(
            Parameter(name="stream", kind=TEXT, meaning="only what was printed there", choices=("out", "err")),
            Parameter(
                name="grep", kind=REGEX,
                meaning="only lines that match; a part ends after some seconds, and `next` continues the search",
            ),
            Parameter(name="last", kind=WHOLE, meaning="so many lines from the end; `next` is what comes after them"),
            *PARTS,
        ),
    ),
    Operation(
        name="fleet_runs", method="GET", path="/jobs/{slug}/fleet",
        summary="The last runs of a job on all hosts of the fleet, as `process-control history JOB --fleet`: those in "
        "flight first, then the newest",
        parameters=(LIMIT,), asks_fleet=True,
    ),
    Operation(
        name="fleet_log", method="GET", path="/jobs/{slug}/fleet/{run_id}/log",
        summary="A piece of what a run of the fleet printed, from the host that ran it, as `process-control logs JOB "
        "--fleet`: the end of it, or what is before that",
        parameters=(
            Parameter(name="before", kind=BYTE, meaning="`older` of a piece: the piece that is before it"),
        ),
        asks_fleet=True,
    ),
    Operation(
        name="slots", method="GET", path="/slots",
        summary="Planned times and what became of them, newest first, as `process-control slots`",
        parameters=(
            OF_JOBS,
            Parameter(name="since", kind=TIME, meaning="those since then; 7d without it"),
            Parameter(name="until", kind=TIME, meaning="and up to then; now without it"),
            Parameter(
                name="fate", kind=TEXT, meaning="only those with this fate", choices=tuple(FATES), is_repeated=True
            ),
            *PARTS,
        ),
    ),
    Operation(
        name="why", method="GET", path="/why",
        summary="Why a job does not run, or did not at a time, as `process-control why`",
        parameters=(
            Parameter(name="job", kind=JOB, meaning="the job", is_required=True),
            Parameter(name="at", kind=TIME, meaning="the time in question; now without it"),
        ),
    ),
    Operation(
        name="incidents", method="GET", path="/incidents",
        summary="Incidents, newest first, as `process-control incidents`",
        parameters=(
            OF_JOBS,
            Parameter(name="all", kind=SWITCH, meaning="closed ones too, after the open ones"),
            *PARTS,
        ),
    ),
    Operation(
        name="incident", method="GET", path="/incidents/{id}",
        summary="One incident and its story, as `process-control incidents show`",
    ),
    Operation(
        name="day", method="GET", path="/day", summary="One day as lanes, as `process-control day`",
        parameters=(OF_JOBS, Parameter(name="date", kind=DAY, meaning="which day; today without it")),
    ),
    Operation(
        name="run_job", method="POST", path="/jobs/{slug}/run", summary="Start a run, as `process-control run`",
        body=(
            NOTE,
            Parameter(name="slow_start", kind=SWITCH, meaning="use `slow_start_command`"),
            Parameter(name="force", kind=SWITCH, meaning="also when the job is held"),
            Parameter(name="slot", kind=TIME, meaning="a planned time that is over, for which the run is"),
        ),
    ),
    Operation(
        name="stop", method="POST", path="/jobs/{slug}/stop", body=(NOTE,),
        summary="End the run, as `process-control stop`; the answer comes when it is gone",
    ),
    Operation(
        name="hold", method="POST", path="/jobs/{slug}/hold", body=(NOTE,),
        summary="No planned run until somebody releases it, as `process-control hold`",
    ),
    Operation(
        name="release", method="POST", path="/jobs/{slug}/release", body=(NOTE,),
        summary="End a hold or a pause, as `process-control release`",
    ),
    Operation(
        name="pause", method="POST", path="/jobs/{slug}/pause", body=(FOR, NOTE),
        summary="No planned run for a while, as `process-control pause`",
    ),
    Operation(
        name="ack", method="POST", path="/incidents/{id}/ack", body=(NOTE,),
        summary="Somebody knows of it: no reminders, as `process-control ack`",
    ),
    Operation(
        name="silence", method="POST", path="/incidents/{id}/silence", body=(FOR, NOTE),
        summary="No messages about its jobs for a while, as `process-control silence`",
    ),
)  # fmt: skip
OF_NAME = {each.name: each for each in OPERATIONS}

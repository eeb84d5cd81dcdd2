"""What the mails about a job say: the event, and what history, job file and log add. Reads only, writes nothing."""

import shlex
from datetime import datetime, tzinfo

from process_control.config.job_secrets import secrets_of
from process_control.config.plan_of_job import included
from process_control.config.settings import Settings
from process_control.core.first_incident import Incident
from process_control.core.job import Job
from process_control.core.masking import mask
from process_control.core.schedule.columns import ScheduleError
from process_control.core.schedule.schedule import Schedule, host_zone
from process_control.core.why import outcome_of_record
from process_control.history.index.past_run import Run
from process_control.history.log_line import STDERR, STDOUT
from process_control.history.log_reader import last_lines
from process_control.notify.channels.mail.render import Mail
from process_control.notify.message import (
    advice,
    decision,
    duration_in_words,
    last_states,
    notes,
    one_line,
)
from process_control.state.past_runs import open_index
from process_control.state.secrets_of_run import SecretsUnknown, secrets_of_run

MAX_LINES, FIRST_LINES, STDOUT_LINES = 50, 10, 15

FEWER_MAILS = "failure_threshold_for_mail: 3   # from the third failed run in a row on"

Event = dict[str, object]


def failure_mail(event: Event, *, job: Job | None, settings: Settings, incident: Incident, host: str) -> Mail:
    """Return the mail about a run that failed or was lost."""
    end = _end(event)
    writer = _Writer(event, job, settings)
    title, output = writer.output(end)
    in_row = _count(incident.failures_in_row, "failed run")
    facts = [
        *writer.times(end),
        ("decided by", mask(decision(end) or "", writer.secrets)),
        (
            "failures",
            in_row if incident.failures_in_row < 2 else f"{in_row} in a row, since {writer.moment(incident.since)}",
        ),
        ("last success", writer.last_success()),
        ("next run", writer.next_slot()),
        ("run", _text(end, "run_id")),
        ("log", _text(end, "log") or "none"),
        ("host", f"{host}, as user {event.get('user')}"),
    ]
    hints = [("See its output", writer.command("process-control", "logs", "--run", _text(end, "run_id")))]
    if end.get("held"):
        hints.append(("It is on hold until you release it", writer.command("process-control", "release", writer.slug)))
    else:
        hints.append(("Run it again", writer.command("run-job", writer.slug)))
    words = advice(end)
    if words is not None:
        what, _, line = words.partition(":  ")
        hints.append((what[:1].upper() + what[1:], line))
    hints.append((f"For fewer mails (failmail: false for none), write in {writer.slug}.yaml", FEWER_MAILS))
    return Mail(
        host=host,
        slug=writer.slug,
        job_name=writer.job_name,
        verdict=mask(_verdict_in_words(end), writer.secrets),
        headline=f"{writer.job_name} · {writer.trigger(end)}",
        facts=tuple((name, value) for name, value in facts if value),
        output_title=title,
        output=output,
        notes=tuple(notes(end)),
        hints=tuple(hints),
        runbook=writer.runbook(),
        footer=f"process-control on {host}",
    )


def recovery_mail(event: Event, *, job: Job | None, settings: Settings, incident: Incident, host: str) -> Mail:
    """Return the mail about the run with which an incident ended."""
    end = _end(event)
    writer = _Writer(event, job, settings)
    facts = [
        *writer.times(end),
        ("failing since", writer.moment(incident.since)),
        ("next run", writer.next_slot()),
        ("run", _text(end, "run_id")),
        ("log", _text(end, "log")),
        ("host", f"{host}, as user {event.get('user')}"),
    ]
    after = _count(incident.failures_in_row, "failure")
    return Mail(
        host=host,
        slug=writer.slug,
        job_name=writer.job_name,
        verdict=f"has recovered: {_text(end, 'outcome')} after {after}",
        headline=f"{writer.job_name} · {writer.trigger(end)}",
        is_good_news=True,
        facts=tuple((name, value) for name, value in facts if value),
        footer=f"process-control on {host}",
    )


def refusal_mail(event: Event, *, job: Job | None, settings: Settings, incident: Incident, host: str) -> Mail:
    """Return the mail about a scheduled start that was refused before there was a run."""
    writer = _Writer(event, job, settings)
    sentence = str(event.get("sentence") or "")
    unplanned = bool(event.get("unplanned"))
    times = _count(incident.failures_in_row, "time")
    what = "its scheduled starts are skipped; reported once until it runs"
    if not unplanned:
        what = "a scheduled start was refused; reported once a day"
    facts = [
        ("start", f"{writer.moment(_text(event, 'at'))}, by {event.get('trigger')}"),
        ("exit code", "" if unplanned else str(event.get("exit_code"))),
        ("refused", "" if unplanned else f"{times} since {writer.moment(incident.since)}"),
        ("last success", writer.last_success()),
        ("host", f"{host}, as user {event.get('user')}"),
    ]
    return Mail(
        host=host,
        slug=writer.slug,
        job_name=writer.job_name,
        verdict=f"did not start: {event.get('what_is_wrong') or sentence!s}",
        headline=f"{writer.job_name} · {what}",
        facts=tuple((name, value) for name, value in facts if value),
        output_title="What is wrong, and the fix",
        output=tuple(sentence.splitlines()),
        hints=(("Look at it", writer.command("process-control", "lint", writer.slug)),),
        runbook=writer.runbook(),
        footer=f"process-control on {host}",
    )


class _Writer:
    """What every mail about a job can say of it."""

    def __init__(self, event: Event, job: Job | None, settings: Settings) -> None:
        self._event = event
        self._job = job
        self._settings = settings
        self._zone: tzinfo = host_zone()
        self.slug = str(event.get("job") or "a job")
        self.job_name = job.name if job is not None else self.slug
        self.secrets, _ = secrets_of(job)

    def output(self, end: Event) -> tuple[str, tuple[str, ...]]:
        """Return a title and the lines that decided: of stderr, else the last of stdout."""
        stderr = last_states(mask(str(self._event.get("stderr") or ""), self.secrets)).splitlines()
        if not stderr and end.get("stderr_bytes"):
            stderr = self._last_lines(end, STDERR)
        if stderr:
            return "Output to stderr", _middle_left_out(stderr)
        stdout = self._last_lines(end, STDOUT) if end.get("stdout_bytes") else []
        return ("Last output", tuple(stdout)) if stdout else ("", ())

    def _last_lines(self, end: Event, stream: str) -> list[str]:
        path = _text(end, "log")
        if not path:
            return []
        count = MAX_LINES if stream == STDERR else STDOUT_LINES
        try:
            secrets, _ = secrets_of_run(
                self._settings.state_directory,
                run_id=_text(end, "run_id"),
                began=_text(end, "started_at"),
                job=self._job,
            )
            found = last_lines(path, count, streams=[stream], secrets=secrets)
        except SecretsUnknown as error:
            return [f"(not quoted: {error.faults[0].what})"]
        except OSError:
            return []
        return [line.shown.decode("utf-8", "backslashreplace") for line in found]

    def times(self, end: Event) -> list[tuple[str, str]]:
        took = end.get("duration_seconds")
        took_in_words = f", took {duration_in_words(float(took))}" if isinstance(took, (int, float)) else ""
        return [("started", f"{self.moment(_text(end, 'started_at'))}{took_in_words}")]

    def trigger(self, end: Event) -> str:
        """Return `run by cron for its slot Tue 2026-11-24 02:30 CET`."""
        trigger, slot = _text(end, "trigger"), _text(end, "scheduled_at")
        if slot:
            return f"run by {trigger} for its planned time (slot) {self.moment(slot, seconds=False)}"
        return f"started by {_text(end, 'by') or 'somebody'}" if trigger == "manual" else f"run by {trigger}"

    def last_success(self) -> str:
        run = self._newest(("succeeded", "warned"))
        return self.moment(run.started_at) if run is not None else "none in the history"

    def _newest(self, outcomes: tuple[str, ...]) -> Run | None:
        try:
            with open_index(self._settings.state_directory) as index:
                return next(iter(index.runs(jobs=[self.slug], outcomes=outcomes, limit=1)), None)
        except OSError:
            return None

    def next_slot(self) -> str:
        job = self._job
        if job is None or not job.schedule:
            return ""
        if job.disabled:
            return "none: the job is disabled"
        try:
            schedule = Schedule.parse(job.schedule, time_zone=job.time_zone, host=_host(), slug=job.slug)
        except ScheduleError:
            return ""
        slot = next(included(job, schedule, self._settings).after(datetime.now(self._zone)), None)
        return f"{self._shown(slot, seconds=False)} ({schedule.in_words()})" if slot is not None else "none"

    def command(self, program: str, *words: str) -> str:
        """Return a command line to paste on that host."""
        user, configuration = self._settings.user, self._event.get("config")
        become = ["sudo", "-u", user] if user is not None and user != "root" else []
        options = ["--config", str(configuration)] if configuration else []
        return shlex.join([*become, program, *options, *words])

    def runbook(self) -> str:
        job = self._job
        if job is None:
            return ""
        return "\n".join(line for line in (job.description or "", f"Owner: {job.owner}" if job.owner else "") if line)

    def moment(self, iso: str | None, *, seconds: bool = True) -> str:
        """Return an ISO 8601 time as people at that host say it."""
        try:
            return self._shown(datetime.fromisoformat(iso or ""), seconds=seconds)
        except ValueError:
            return one_line(iso or "")

    def _shown(self, moment: datetime, *, seconds: bool) -> str:
        local = moment.astimezone(self._zone)
        return f"{local:%a %Y-%m-%d %H:%M:%S %Z}" if seconds else f"{local:%a %Y-%m-%d %H:%M %Z}"


def _verdict_in_words(end: Event) -> str:
    """Return `failed: exited with 78`, `failed and is held: exited with 78`."""
    words = outcome_of_record(end)
    outcome = _text(end, "outcome")
    return f"{outcome} and is held{words.removeprefix(outcome)}" if end.get("held") else words


def _host() -> str:
    from os import uname

    return uname().nodename


def _end(event: Event) -> Event:
    end = event.get("end")
    return end if isinstance(end, dict) else {"job": event.get("job"), "run_id": event.get("key"), "outcome": "failed"}


def _text(record: Event, name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _middle_left_out(lines: list[str]) -> tuple[str, ...]:
    if len(lines) <= MAX_LINES:
        return tuple(lines)
    last = lines[FIRST_LINES - MAX_LINES :]
    return (*lines[:FIRST_LINES], f"[… {len(lines) - MAX_LINES} lines left out, see the log …]", *last)

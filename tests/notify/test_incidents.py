"""Incidents through their store, with a moved clock: who is sent what, in which order, and how often."""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kit.harness import Box
from process_control.config.settings import Settings, load_settings
from process_control.core.job import Job
from process_control.core.notice import Notice
from process_control.core.recipient import Recipient
from process_control.notify.incidents import Incidents
from process_control.state.incident_store import Store
from process_control.state.silences import Silence, write_silences

BEGIN = datetime(2026, 11, 23, tzinfo=UTC)
OPS = "ops@example.org"


def at(minutes: float) -> str:
    return f"{BEGIN + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S.000Z}"


class World:
    """Jobs, a clock, and what everybody was sent: (minutes, whom, event, jobs)."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sent: list[tuple[float, str, str, tuple[str, ...]]] = []
        self.notices: list[Notice] = []
        self._minutes = 0.0
        #: That of the present minute: the process that sends takes what comes at once in one round.
        self._round: Incidents | None = None
        self._runs = 0

    def post(self, minutes: float, what: str, job: str = "", **given: Any) -> None:
        """Let something be posted; at the end of a run with its record."""
        self._runs += 1
        key = f"r{self._runs:06d}"
        if what in ("failed", "went_well"):
            outcome = "failed" if what == "failed" else "succeeded"
            end = {"job": job, "run_id": key, "at": at(minutes), "outcome": outcome, "reason": "exit_code"}
            given = {"end": end | {"detail": "exited with 1", "trigger": "cron"}} | given
        event = {"what": what, "job": job, "key": key, "at": at(minutes)} | given
        self._with(minutes, lambda incidents: incidents.take(event))

    def look(self, minutes: float) -> float | None:
        found: list[float | None] = []
        self._with(minutes, lambda incidents: found.append(incidents.settle_all()))
        return found[0]

    def _with(self, minutes: float, do: Callable[[Incidents], object]) -> None:
        if minutes != self._minutes or self._round is None:
            self._round = Incidents(self.settings, send=self._send, now=at(minutes))
        self._minutes = minutes
        do(self._round)

    def _send(self, notice: Notice, recipient: Recipient, _: Job | None) -> None:
        self.sent.append((self._minutes, recipient.shown, notice.event.value, notice.jobs))
        self.notices.append(notice)

    def events(self, to: str = OPS) -> list[str]:
        return [event for _, whom, event, _ in self.sent if whom == to]


@pytest.fixture
def world(box: Box) -> World:
    box.configure(failmail={"to_address": OPS})
    return World(settings_of(box))


def settings_of(box: Box) -> Settings:
    settings = load_settings(str(box.configuration), dict(os.environb))
    os.makedirs(settings.state_directory, exist_ok=True)
    return settings


def jobs(box: Box, *slugs: str, keys: str = "") -> None:
    for slug in slugs:
        box.job(slug, f"command: /bin/true\n{keys}")


def test_one_message_when_it_opens_and_one_when_it_is_over(box: Box, world: World) -> None:
    jobs(box, "backup")
    for minute in range(60):
        world.post(minute, "failed", "backup")
    world.post(60, "went_well", "backup")

    assert world.sent == [(0, OPS, "opened", ("backup",)), (60, OPS, "closed", ("backup",))]
    store = Store(world.settings.state_directory)
    assert store.open_incidents() == []
    (closed,) = store.closed_incidents()
    assert (closed.id, closed.count, closed.closed_by) == ("backup~r000001", 60, "the job succeeded")


def test_an_event_that_is_read_twice_changes_nothing(box: Box, world: World) -> None:
    jobs(box, "backup")
    for _ in range(3):
        world.post(0, "failed", "backup", key="same")

    assert world.events() == ["opened"]
    assert Store(world.settings.state_directory).of_job("backup")[0].count == 1


def test_a_reminder_comes_each_day_while_nothing_is_posted(box: Box, world: World) -> None:
    jobs(box, "backup")
    world.post(0, "failed", "backup")
    for hour in range(1, 60):
        world.look(60 * hour)

    assert [(minutes / 60, event) for minutes, _, event, _ in world.sent] == [
        (0, "opened"),
        (24, "reminder"),
        (48, "reminder"),
    ]
    assert world.notices[1].posted["job"] == "backup", "a reminder knows the run it is about"


def test_several_jobs_that_fail_by_the_same_line_are_one_incident(box: Box, world: World) -> None:
    jobs(box, "a", "b", "c", "later")
    for minute, job in enumerate(("a", "b", "c")):
        world.post(minute, "failed", job, stderr=f"cannot reach db7: timeout after {30 + minute} s\n")
    world.post(30, "failed", "later", stderr="cannot reach db7: timeout after 30 s\n")
    for minute, job in enumerate(("a", "b", "c")):
        world.post(40 + minute, "went_well", job)

    assert world.sent == [
        (0, OPS, "opened", ("a",)),
        (30, OPS, "opened", ("later",)),
        (42, OPS, "closed", ("a", "b", "c")),
    ]


def test_a_failure_that_is_posted_after_one_that_came_later_is_of_the_same_incident(box: Box, world: World) -> None:
    """On a busy host a run may stand still between its end and the moment in which it posts that."""
    jobs(box, "first", "second")
    for minute, job in ((1, "second"), (0, "first")):
        world.post(minute, "failed", job, stderr="cannot reach db7\n")

    assert world.events() == ["opened"]


def test_jobs_that_only_exit_with_the_same_code_are_incidents_of_their_own(box: Box, world: World) -> None:
    jobs(box, "a", "b")
    world.post(0, "failed", "a")
    world.post(1, "failed", "b")

    assert world.events() == ["opened", "opened"]


def test_another_owner_of_a_joined_job_is_notified_once_too(box: Box, world: World) -> None:
    jobs(box, "a")
    jobs(box, "b", keys="owner: ann@example.org")
    for job in ("a", "b"):
        world.post(0, "failed", job, stderr="disk /srv is full\n")
    for job in ("a", "b"):
        world.post(9, "went_well", job)

    assert world.sent == [
        (0, OPS, "opened", ("a",)),
        (0, "ann@example.org", "opened", ("b",)),
        (9, OPS, "closed", ("a",)),
        (9, "ann@example.org", "closed", ("b",)),
    ]


def test_a_host_with_300_jobs_that_was_down_for_eight_hours_is_one_message_out_and_one_in_for_each_owner(
    box: Box, world: World
) -> None:
    owners = [f"owner{number}@example.org" for number in range(3)]
    slugs = [f"job{number:03d}" for number in range(300)]
    for number, slug in enumerate(slugs):
        jobs(box, slug, keys=f"owner: {owners[number % 3]}")
    world.post(480, "host_down", jobs=dict.fromkeys(slugs, 8), sentence="the host was down for 8 h")
    for slug in slugs:
        world.post(480, "missed", slug, slots=[at(470)])
    world.look(481)
    for slug in slugs:
        world.post(482, "went_well", slug)

    events = Counter((whom, event) for _, whom, event, _ in world.sent)
    assert events == Counter({(whom, event): 1 for whom in (*owners, OPS) for event in ("opened", "closed")})
    assert {len(named) for _, whom, _, named in world.sent if whom in owners} == {100}
    assert Store(world.settings.state_directory).open_incidents() == []


def test_nothing_is_sent_in_a_silence_and_one_message_after_it(box: Box, world: World) -> None:
    jobs(box, "backup", keys="tags: [db]")
    until = at(120)
    write_silences(world.settings.state_directory, [Silence(tag="db", until=until)])
    world.post(0, "failed", "backup")
    world.post(60, "failed", "backup")
    assert world.sent == []

    next_look = world.look(61)
    world.look(120)

    assert next_look == datetime.fromisoformat(until).timestamp()
    assert world.sent == [(120, OPS, "opened", ("backup",))]


def test_what_opens_and_closes_in_a_silence_is_never_sent(box: Box, world: World) -> None:
    jobs(box, "backup")
    write_silences(world.settings.state_directory, [Silence(job="backup", until=at(120))])
    world.post(0, "failed", "backup")
    world.post(60, "went_well", "backup")
    world.look(130)

    assert world.sent == []
    assert Store(world.settings.state_directory).open_incidents() == []


def test_the_end_of_an_incident_in_a_silence_is_sent_after_it(box: Box, world: World) -> None:
    jobs(box, "backup")
    world.post(0, "failed", "backup")
    write_silences(world.settings.state_directory, [Silence(job="backup", until=at(120))])
    world.post(60, "went_well", "backup")
    world.look(110)
    world.look(121)
    world.look(200)

    assert [(minutes, event) for minutes, _, event, _ in world.sent] == [(0, "opened"), (121, "closed")]


def test_a_new_failure_while_an_end_is_held_back_is_an_incident_of_its_own(box: Box, world: World) -> None:
    jobs(box, "backup")
    world.post(0, "failed", "backup")
    write_silences(world.settings.state_directory, [Silence(job="backup", until=at(120))])
    world.post(60, "went_well", "backup")
    world.post(70, "failed", "backup")
    world.look(121)

    assert [event for _, _, event, _ in world.sent] == ["opened", "closed", "opened"]
    assert len({notice.incident.id for notice in world.notices}) == 2


def test_a_deleted_job_closes_its_incident_with_that_word_for_whom_knew_of_it(box: Box, world: World) -> None:
    jobs(box, "backup", keys="owner: ann@example.org")
    world.post(0, "failed", "backup")
    (box.job_directory / "backup.yaml").unlink()

    world.post(5, "gone", "backup", sentence="the job file is gone")

    assert [(whom, event) for _, whom, event, _ in world.sent][-1] == ("ann@example.org", "closed")
    assert world.notices[-1].incident.closed_by == "the job file is gone"


def test_refusals_because_of_invalid_files_are_one_incident(box: Box, world: World) -> None:
    jobs(box, "a", "b")
    for minute, job in enumerate(("a", "b", "a", "b")):
        world.post(minute, "refused", job, exit_code=78, sentence=f"{job}.yaml:1:1: unknown key 'nme'")
    world.post(5, "file_invalid", jobs={"a": 1, "b": 1}, sentence="2 job files are invalid")
    world.post(9, "went_well", "a")
    world.post(9, "went_well", "b")

    assert world.events() == ["opened", "closed"]


def test_an_invalid_file_that_is_known_explains_the_refusals_that_follow(box: Box, world: World) -> None:
    jobs(box, "a")
    world.post(0, "file_invalid", jobs={"a": 1}, sentence="1 job file is invalid")
    world.post(1, "refused", "a", exit_code=78, sentence="a.yaml:1:1: unknown key 'nme'")
    world.post(2, "over", cause="file_invalid", sentence="no job file is invalid")

    assert world.events() == ["opened", "closed"]


def test_ten_jobs_that_flap_for_a_week_are_sent_at_most_two_messages_a_job_and_day(box: Box, world: World) -> None:
    slugs = [f"flap{number}" for number in range(10)]
    jobs(box, *slugs)
    for hour in range(0, 7 * 24, 3):
        for slug in slugs:
            world.post(60 * hour, "failed" if hour % 2 else "went_well", slug)
        world.look(60 * hour)

    per_job = Counter(named for _, _, _, named in world.sent)
    assert set(per_job.values()) <= set(range(4, 15)), per_job
    first_day = [event for minutes, _, event, named in world.sent if named == ("flap0",) and minutes < 1440]
    assert first_day == ["opened", "closed", "opened", "flapping"]
    later = Counter((named, minutes // 1440) for minutes, _, _, named in world.sent if minutes >= 1440)
    assert max(later.values()) == 1


def test_a_week_of_40_jobs_is_exactly_these_messages(box: Box, world: World) -> None:
    """Forty jobs, hourly: most are fine; what happens to the others is in the list."""
    slugs = [f"job{number:02d}" for number in range(40)]
    jobs(box, *slugs[:-2])
    jobs(box, *slugs[-2:], keys="failure_threshold_for_mail: 3")
    fails = {
        "job01": range(10, 11),  # one failure
        "job02": range(30, 90),  # two and a half days
        "job03": range(100, 168),  # not over at the end of the week
        "job38": range(50, 52),  # below the threshold of 3
        "job39": range(60, 63),  # from it on
    }
    for hour in range(168):
        for slug in slugs:
            if hour in fails.get(slug, ()):
                world.post(60 * hour, "failed", slug)
            elif hour - 1 in fails.get(slug, ()):
                world.post(60 * hour, "went_well", slug)
        world.look(60 * hour)

    assert [(minutes / 60, named[0], event) for minutes, _, event, named in world.sent] == [
        (10, "job01", "opened"),
        (11, "job01", "closed"),
        (30, "job02", "opened"),
        (54, "job02", "reminder"),
        (62, "job39", "opened"),
        (63, "job39", "closed"),
        (78, "job02", "reminder"),
        (90, "job02", "closed"),
        (100, "job03", "opened"),
        (124, "job03", "reminder"),
        (148, "job03", "reminder"),
    ]


@pytest.mark.parametrize("what", ["missed", "stale", "refused", "skipped"])
def test_what_is_no_failed_run_is_sent_at_once_whatever_the_threshold(box: Box, world: World, what: str) -> None:
    jobs(box, "backup", keys="failure_threshold_for_mail: 3")
    world.post(0, what, "backup", sentence="it is wrong")

    assert world.events() == ["opened"]


def test_trouble_of_another_kind_is_sent_at_once_after_a_failure_below_the_threshold(box: Box, world: World) -> None:
    jobs(box, "backup", keys="failure_threshold_for_mail: 3")
    world.post(0, "failed", "backup")
    world.post(1, "stale", "backup", sentence="no good run for a day")

    assert world.events() == ["opened"]


def test_an_end_is_sent_to_whom_was_sent_the_beginning_though_the_cause_has_changed(box: Box) -> None:
    box.configure(notify=[{"url": "https://missed.example.org/", "on": ["missed", "recovered"]}])
    world = World(settings_of(box))
    jobs(box, "backup")
    world.post(0, "missed", "backup", slots=[at(0)])
    world.post(1, "failed", "backup")
    world.post(2, "went_well", "backup")

    assert [event for _, _, event, _ in world.sent] == ["opened", "closed"]
    assert Store(world.settings.state_directory).open_incidents() == []


def test_what_has_changed_since_somebody_knows_of_it_is_sent_once(box: Box, world: World) -> None:
    jobs(box, "backup")
    world.post(0, "failed", "backup")
    world.post(1, "acknowledged", "backup")
    for minute in range(2, 60):
        world.post(minute, "failed", "backup", stderr="disk is gone")

    assert world.events() == ["opened", "changed"]


def test_whoever_gets_no_more_messages_about_a_job_gets_the_end_and_no_reminder(box: Box, world: World) -> None:
    jobs(box, "backup", keys="owner: old@example.org")
    world.post(0, "failed", "backup")
    jobs(box, "backup", keys="owner: new@example.org")
    for day in range(1, 4):
        world.look(day * 1440)
    world.post(5000, "went_well", "backup")

    assert world.events("old@example.org") == ["opened", "closed"]
    assert world.events("new@example.org") == ["opened", "reminder", "reminder", "closed"]


def test_a_clock_that_was_years_ahead_keeps_no_reminder_back(box: Box, world: World) -> None:
    jobs(box, "backup")
    world.post(5_000_000, "failed", "backup")
    world.look(0)
    world.look(60)

    assert world.events() == ["opened", "reminder"]


def test_a_failure_reads_no_incident_of_other_jobs_again(box: Box, world: World) -> None:
    """2,000 jobs that fail within a minute must not read 2,000 files each."""
    slugs = [f"job-{number}" for number in range(30)]
    jobs(box, *slugs)
    read: list[str] = []
    is_counted = True

    def note(event: str, given: tuple[Any, ...]) -> None:
        if event == "open" and is_counted and "/incidents/open/" in str(given[0]) and str(given[0]).endswith(".json"):
            read.append(str(given[0]))

    sys.addaudithook(note)
    incidents = Incidents(world.settings, send=lambda *_: None, now=at(0))
    for number, slug in enumerate(slugs):
        end = {"job": slug, "run_id": f"r{number}", "at": at(0), "outcome": "failed", "reason": "exit_code"}
        line = f"no such file: {'x' * number}"
        incidents.take({"what": "failed", "job": slug, "key": f"r{number}", "at": at(0), "end": end, "stderr": line})
    is_counted = False

    assert len(read) <= 8 * len(slugs)
    assert len(Store(world.settings.state_directory).open_incidents()) == len(slugs)


def test_refusals_because_a_disk_is_full_are_one_incident_before_the_disk_is_known_to_be(
    box: Box, world: World
) -> None:
    slugs = [f"job-{number}" for number in range(5)]
    jobs(box, *slugs)
    for slug in slugs:
        world.post(0, "refused", slug, exit_code=74, sentence="cannot be recorded: No space left on device")
    for slug in slugs:
        world.post(5, "went_well", slug)

    assert world.events() == ["opened", "closed"]


def test_a_file_name_that_is_no_utf_8_keeps_no_message_back(box: Box, world: World) -> None:
    jobs(box, "backup")
    world.post(0, "refused", "backup", exit_code=78, sentence="/etc/jobs-\udcff/backup.yaml: unknown key")
    world.post(1, "went_well", "backup", stderr=["\udcff"])

    assert world.events() == ["opened", "closed"]
    assert world.notices[0].incident.sentence == "/etc/jobs-\\udcff/backup.yaml: unknown key"


def test_only_the_end_of_a_long_stderr_is_kept_for_reminders(box: Box, world: World) -> None:
    jobs(box, "backup")
    world.post(0, "failed", "backup", stderr="x" * 60_000 + "the end")

    kept = Store(world.settings.state_directory).of_job("backup")[0].posted["stderr"]
    assert (len(kept), kept[-8:]) == (8000, "xthe end")
    assert len(str(world.notices[0].posted["stderr"])) == 60_007


def test_closed_incidents_go_with_the_days_of_the_history(box: Box, world: World) -> None:
    jobs(box, "old", "young", "open")
    for slug in ("old", "young"):
        world.post(0, "failed", slug, stderr=f"{slug} is broken")
        world.post(1, "went_well", slug)
    world.post(2, "failed", "open")
    directory = os.path.join(world.settings.state_directory, "incidents")
    (old,) = [name for name in os.listdir(f"{directory}/closed") if name.startswith("old")]
    (still_open,) = os.listdir(f"{directory}/open")
    for name in (f"closed/{old}", f"open/{still_open}"):
        os.utime(f"{directory}/{name}", (0, 0))
    with open(f"{directory}/open/torn.json.new", "w") as file:
        os.utime(file.fileno(), (0, 0))
    assert box.process_control("prune").exit_code == 0

    assert [name.partition("~")[0] for name in os.listdir(f"{directory}/closed")] == ["young"]
    assert os.listdir(f"{directory}/open") == [still_open]


def test_an_incident_of_the_first_version_does_not_come_back_when_it_is_over(box: Box, world: World) -> None:
    jobs(box, "backup")
    directory = os.path.join(world.settings.state_directory, "jobs/backup")
    os.makedirs(directory)
    known = {"failures_in_row": 1, "since": at(0), "thread": "r0.failure", "seen": ["r0"]}
    with open(f"{directory}/told.json", "w") as file:
        json.dump(known, file)
    world.post(1, "went_well", "backup")
    os.unlink(f"{directory}/incidents.json")
    world.look(2000)

    assert world.events() == ["closed"]
    assert Store(world.settings.state_directory).of_job("backup") == []


def test_a_hold_of_one_job_acknowledges_no_trouble_of_the_host(box: Box, world: World) -> None:
    jobs(box, "a", "b")
    world.post(0, "trigger_dead", jobs={"a": 1, "b": 1}, sentence="cron is dead")
    world.post(1, "failed", "a")
    world.post(2, "acknowledged", "a", by="ann")

    found = {each.cause: each.state for each in Store(world.settings.state_directory).open_incidents()}
    assert found == {"trigger_dead": "open", "failed": "acknowledged"}


def test_the_file_of_an_incident_does_not_grow_with_planned_times_that_are_missed(box: Box, world: World) -> None:
    jobs(box, "minutely")
    sizes = []
    for first in (0, 500, 1000):
        slots = [at(each) for each in range(first, first + 500)]
        world.post(first + 500, "missed", "minutely", slots=slots, sentence="no run")
        [incident] = os.scandir(os.path.join(world.settings.state_directory, "incidents/open"))
        sizes.append(incident.stat().st_size)

    assert sizes[-1] < min(sizes[0] + 100, 4000)
    [kept] = Store(world.settings.state_directory).open_incidents()
    assert kept.parts["minutely"].waiting == 1500


def test_a_round_reads_only_incidents_that_were_written_or_whose_time_has_come(box: Box, world: World) -> None:
    jobs(box, "a")
    world.post(0, "failed", "a")
    world.look(1)
    store = Store(world.settings.state_directory)
    (incident,) = store.of_job("a")
    old = {key: replace(each, last_at=at(-2 * 24 * 60)) for key, each in incident.notified.items()}
    store.write(replace(incident, notified=old))

    store.look_again(incident.id, BEGIN.timestamp() + 3600)
    world.look(2)
    assert world.events() == ["opened"], "it was not read"
    world.look(60)
    assert world.events() == ["opened", "reminder"], "its time has come"


def test_a_round_reads_all_incidents_when_configuration_or_silences_have_changed(box: Box, world: World) -> None:
    jobs(box, "a")
    write_silences(world.settings.state_directory, [Silence(job="a", until=at(10_000))])
    world.post(0, "failed", "a")
    world.look(1)
    assert world.look(2) == BEGIN.timestamp() + 61 * 60

    write_silences(world.settings.state_directory, [])
    world.look(3)
    box.configure(failmail={"to_address": [OPS, "new@example.org"]})
    world.settings = settings_of(box)
    world.look(4)

    assert [(minutes, event) for minutes, _, event, _ in world.sent] == [(3, "opened"), (4, "opened")]


def test_a_hold_of_one_of_several_jobs_silences_only_who_is_notified_about_that_job(box: Box, world: World) -> None:
    for job, to in (("a", "ann@example.org"), ("b", "bob@example.org")):
        jobs(box, job, keys=f"failmail: {{to_address: {to}}}")
        world.post(0, "failed", job, stderr="cannot reach db7: timeout\n")
    world.post(1, "acknowledged", "a", by="ann")
    world.look(25 * 60)
    world.post(26 * 60, "acknowledged", "b", by="bob")
    world.look(60 * 60)

    assert world.events("ann@example.org") == ["opened"]
    assert world.events("bob@example.org") == ["opened", "reminder"]
    [incident] = Store(world.settings.state_directory).open_incidents()
    assert (incident.state, incident.acknowledged["by"] if incident.acknowledged else None) == ("acknowledged", "bob")


def test_a_loss_in_an_open_incident_reaches_who_wants_losses_alone(box: Box, world: World) -> None:
    box.configure(notify=[{"url": "https://lost.example.org/", "on": ["lost"]}], failmail=None)
    world.settings = settings_of(box)
    jobs(box, "a", "b", keys=f"failmail: {{to_address: {OPS}}}")
    for minute, job in enumerate(("a", "b")):
        world.post(minute, "failed", job, stderr="cannot reach db7: timeout\n")
    lost = {"job": "b", "run_id": "r9", "at": at(3), "outcome": "lost", "reason": "runner_killed", "trigger": "cron"}
    world.post(3, "failed", "b", end=lost)
    world.look(4)
    world.post(5, "failed", "b")
    world.look(3 + 24 * 60)

    assert world.events("https://lost.example.org/…") == ["opened"]
    assert world.notices[-1].posted["end"]["outcome"] != "lost"


def test_a_full_disk_is_not_over_because_a_refused_job_went_well(box: Box, world: World) -> None:
    jobs(box, "a")
    world.post(0, "disk_full", sentence="/: 1 MB free")
    for minute in range(1, 20, 2):
        world.post(minute, "refused", "a", exit_code=74, sentence="cannot be recorded")
        world.post(minute + 1, "went_well", "a")
    world.post(30, "over", cause="disk_full", sentence="the disk has space again")

    assert world.events() == ["opened", "closed"]


def test_an_acknowledgement_that_cannot_be_kept_is_refused(box: Box, world: World) -> None:
    jobs(box, "a")
    world.post(0, "failed", "a")
    os.mkdir(os.path.join(world.settings.state_directory, "incidents/open/a~r000001.json.new"))
    acknowledged = box.process_control("ack", "a~r000001")
    os.rmdir(os.path.join(world.settings.state_directory, "incidents/open/a~r000001.json.new"))

    assert (acknowledged.exit_code, "cannot be written" in acknowledged.stderr) == (74, True)


def test_no_id_leads_out_of_the_incidents(box: Box, world: World) -> None:
    jobs(box, "a")
    world.post(0, "failed", "a")
    for id_ in ("../../jobs/a/incidents", "..", "", "a\n", "x" * 5000):
        assert box.process_control("incidents", "show", id_).exit_code == 1
        assert box.process_control("ack", id_).exit_code == 1


def test_an_incident_that_a_full_disk_keeps_open_is_closed_by_the_next_good_run(box: Box, world: World) -> None:
    jobs(box, "backup")
    world.post(0, "failed", "backup")
    obstacle = os.path.join(world.settings.state_directory, "incidents/closed/backup~r000001.json.new")
    os.makedirs(obstacle)
    world.post(1, "went_well", "backup")
    os.rmdir(obstacle)
    world.post(2, "went_well", "backup")

    store = Store(world.settings.state_directory)
    assert (store.open_incidents(), len(store.closed_incidents())) == ([], 1)


def test_an_address_that_is_added_while_an_incident_is_open_doubles_no_end(box: Box, world: World) -> None:
    jobs(box, "backup")
    world.post(0, "failed", "backup")
    box.configure(failmail={"to_address": [OPS, "new@example.org"]})
    world.settings = settings_of(box)
    world.look(1)
    world.post(2, "went_well", "backup")

    assert [(to, event) for _, to, event, _ in world.sent] == [
        (OPS, "opened"),
        (f"{OPS}, new@example.org", "opened"),
        (f"{OPS}, new@example.org", "closed"),
    ]
    assert Store(world.settings.state_directory).open_incidents() == []


@pytest.mark.parametrize("text", [None, '{"incid'])
def test_an_incident_ends_though_the_memory_of_its_job_is_lost(box: Box, world: World, text: str | None) -> None:
    jobs(box, "backup", "backup-2")
    world.post(0, "failed", "backup", stderr="one")
    world.post(0, "failed", "backup-2", stderr="two")
    memory = os.path.join(world.settings.state_directory, "jobs/backup/incidents.json")
    os.unlink(memory)
    if text is not None:
        with open(memory, "w") as file:
            file.write(text)
    world.post(1, "failed", "backup")
    world.post(2, "went_well", "backup")

    assert world.events() == ["opened", "opened", "closed"]
    assert [each.jobs for each in Store(world.settings.state_directory).open_incidents()] == [["backup-2"]]

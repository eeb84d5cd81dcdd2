"""`process-control metrics`: numbers of real runs, in the format of Prometheus; counters never fall."""

import os
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kit.builders import State, iso
from kit.harness import SERVICE_USER, Box
from kit.past import DAY, Past, yesterday
from kit.promtool import promtool
from process_control.core import layout
from process_control.core.causes import Cause
from process_control.core.incident import Incident
from process_control.core.incident import State as Stage
from process_control.state.incident_store import Store

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
HOSTILE = ('quo"te', "back\\slash", "new\nline", "Ä–%{}=,", "nul\x01")
Numbers = dict[tuple[str, ...], float]


def numbers(box: Box) -> Numbers:
    """Return each number by the name of its metric, without the prefix, and the values of its labels."""
    answer = box.process_control("metrics", "--json")
    assert (answer.exit_code, answer.stderr) == (0, ""), str(answer)
    return {
        (sample["name"].removeprefix("process_control_"), *sample["labels"].values()): sample["value"]
        for metric in answer.json()["metrics"]
        for sample in metric["samples"]
    }


def counters(box: Box) -> Numbers:
    """Return those that never fall."""
    endings = ("_total", "_count", "_sum", "_bucket")
    return {key: value for key, value in numbers(box).items() if key[0].endswith(endings)}


def text(box: Box) -> str:
    answer = box.process_control("metrics")
    assert (answer.exit_code, answer.stderr) == (0, ""), str(answer)
    return answer.stdout


def state_of(box: Box) -> State:
    """Return the state of a host on which the service user has run jobs: who reads metrics may keep counts."""
    state = State(box.state_directory, logs=box.output_directory)
    (box.state_directory / "run").mkdir(mode=0o700)
    return state


def past_of(box: Box) -> Past:
    past = Past(box)
    (box.state_directory / "run").mkdir(mode=0o700)
    return past


# --- what is counted -------------------------------------------------------------------------------------------------


def test_every_job_is_there_before_its_first_run(box: Box) -> None:
    box.job("backup", "command: 'true'")

    found = numbers(box)

    for outcome in ("succeeded", "warned", "failed", "skipped", "lost"):
        assert found["runs_total", "backup", outcome, ""] == 0
    for fate in ("ran", "skipped", "missed"):
        assert found["slots_total", "backup", fate, ""] == 0
    for name in ("run_duration_seconds_count", "start_lateness_seconds_count", "running", "held"):
        assert found[name, "backup"] == 0
    assert found["last_success_timestamp_seconds", "backup"] == 0


def test_a_host_without_jobs_answers(box: Box) -> None:
    found = numbers(box)

    assert not [key for key in found if key[0].startswith(("runs", "run_", "slots", "held"))]
    assert found["delivery_waiting",] == found["watch_last_look_timestamp_seconds",] == 0


def test_runs_count_by_outcome_and_reason(box: Box) -> None:
    box.job("good", "command: 'true'")
    box.job("bad", "command: sh -c 'exit 3'")
    box.job("slow", "command: sleep 60\ntimeout: 0.2s")
    before = datetime.now(UTC).timestamp()
    for slug in ("good", "good", "bad", "slow"):
        box.run(slug)

    found = numbers(box)

    assert found["runs_total", "good", "succeeded", ""] == 2
    assert found["runs_total", "bad", "failed", "exit_code"] == 1
    assert found["runs_total", "slow", "failed", "timeout"] == 1
    assert found["run_duration_seconds_count", "good"] == found["run_duration_seconds_bucket", "good", "+Inf"] == 2
    assert found["run_duration_seconds_sum", "slow"] >= 0.2
    assert found["last_success_timestamp_seconds", "good"] >= int(before)
    assert found["last_success_timestamp_seconds", "bad"] == 0


def test_a_run_in_progress_and_a_hold_are_seen(box: Box) -> None:
    started, end = box.fifo("started"), box.fifo("end")
    box.job("busy", f"command: sh -c 'echo > {started}; read line < {end}'")
    box.job("held", "command: 'true'")
    box.process_control("hold", "held", "--note", "no")

    with box.start("busy") as live:
        started.read_line()
        found = numbers(box)
        end.write_line()
        live.wait()
    after = numbers(box)

    assert (found["running", "busy"], found["running", "held"]) == (1, 0)
    assert (found["held", "busy"], found["held", "held"]) == (0, 1)
    assert after["running", "busy"] == 0
    assert after["runs_total", "busy", "succeeded", ""] == 1


def test_the_lateness_of_scheduled_starts_is_counted_in_its_bucket(box: Box) -> None:
    box.job("backup", 'command: "true"\nschedule: "30 2 * * *"')
    past = past_of(box)
    for late in (0.4, 2.0, 65.0, 7200.0):
        past.start_of("backup", yesterday(), late_seconds=late)

    found = numbers(box)

    buckets = {key[2]: value for key, value in found.items() if key[0] == "start_lateness_seconds_bucket"}
    assert buckets == {"1": 1, "3": 2, "10": 2, "60": 2, "600": 3, "3600": 3, "+Inf": 4}
    assert found["start_lateness_seconds_sum", "backup"] == pytest.approx(7267.4)


def test_the_host_says_what_is_open_what_waits_and_when_watch_looked(box: Box) -> None:
    box.job("backup", "command: 'true'")
    states = {
        Cause.FAILED: [Stage.OPEN, Stage.ACKNOWLEDGED],
        Cause.DISK_FULL: [Stage.FLAPPING],
        Cause.LOST: [Stage.COUNTING],
        Cause.MISSED: [Stage.CLOSED],
    }
    for number, (cause, state) in enumerate((cause, state) for cause, found in states.items() for state in found):
        Store(str(box.state_directory)).write(Incident(id=f"{number}~x", cause=cause, state=state))
    (Path(layout.open_incidents(str(box.state_directory))) / "torn.json").write_text("{")
    mails = Path(layout.spool_of(str(box.state_directory), "mail"))
    mails.mkdir(parents=True)
    (mails / "2026-01-01T00:00:00Z~x.json").write_text("{}")
    before = datetime.now(UTC).timestamp()
    assert box.process_control("watch").exit_code == 0

    found = numbers(box)

    opened = {key[1]: value for key, value in found.items() if key[0] == "incidents_open"}
    assert opened == {
        "failed": 2, "lost": 0, "missed": 0, "stale": 0, "skipped": 0, "refused": 0, "host_down": 0,
        "trigger_dead": 0, "watch_dead": 0, "disk_full": 1, "mail_dead": 0, "file_invalid": 0,
    }  # fmt: skip
    assert found["delivery_waiting",] == 1
    assert found["watch_last_look_timestamp_seconds",] >= int(before)


# --- counters never fall ---------------------------------------------------------------------------------------------


def test_counters_stay_when_days_are_pruned_and_the_index_is_deleted(box: Box) -> None:
    box.job("backup", "command: 'true'")
    state = state_of(box)
    for age in (30, 20, 19, 2, 1):
        state.run("backup", NOON - age * DAY, seconds=float(age), late_seconds=2.0)
        state.failure("backup", NOON - age * DAY)
    before = counters(box)
    box.configure(retention={"days": 10})

    assert box.process_control("prune").exit_code == 0
    pruned = counters(box)
    for path in box.state_directory.glob("history.sqlite*"):
        path.unlink()
    rebuilt = counters(box)

    assert min(path.name[:10] for path in state.journal.iterdir()) == f"{NOON - 2 * DAY:%Y-%m-%d}"
    assert before["runs_total", "backup", "succeeded", ""] == 5
    assert pruned == before
    assert rebuilt == before


def test_a_day_that_goes_before_metrics_are_read_again_is_counted(box: Box) -> None:
    box.job("backup", "command: 'true'")
    state = state_of(box)
    state.run("backup", NOON - 20 * DAY)
    before = counters(box)
    for age in (19, 18, 1):
        state.run("backup", NOON - age * DAY)
    box.configure(retention={"days": 1})

    assert box.process_control("prune").exit_code == 0

    assert min(path.name[:10] for path in state.journal.iterdir()) == f"{NOON - DAY:%Y-%m-%d}"
    assert before["runs_total", "backup", "succeeded", ""] == 1
    assert counters(box)["runs_total", "backup", "succeeded", ""] == 4


def test_prune_counts_nothing_for_who_never_reads_metrics(box: Box) -> None:
    state = state_of(box)
    for age in (20, 19, 1):
        state.run("backup", NOON - age * DAY)
    box.configure(retention={"days": 1})

    assert box.process_control("prune").exit_code == 0

    assert len(list(state.journal.iterdir())) == 2
    assert not list(box.state_directory.glob("*_totals.json"))


def test_what_is_added_to_the_newest_days_counts_once(box: Box) -> None:
    box.job("backup", "command: 'true'")
    state = state_of(box)
    for age in (5, 4, 3):
        state.run("backup", NOON - age * DAY)
    first = counters(box)["runs_total", "backup", "succeeded", ""]
    state.run("backup", NOON - 3 * DAY)
    box.run("backup")

    found = [counters(box)["runs_total", "backup", "succeeded", ""] for _ in range(2)]

    assert (first, found) == (3, [5, 5])


def test_a_job_whose_file_is_gone_is_left_out_and_comes_back_with_its_counts(box: Box) -> None:
    box.job("backup", "command: 'true'")
    state = state_of(box)
    for age in (5, 4, 3):
        state.run("backup", NOON - age * DAY)
    before = counters(box)
    (box.job_directory / "backup.yaml").unlink()
    assert box.process_control("exec", "--name", "once", "--", "true").exit_code == 0
    without = counters(box)

    box.job("backup", "command: 'true'")

    assert without == {}
    assert counters(box) == before


def test_a_missed_time_that_is_settled_later_stays_counted_as_missed(box: Box) -> None:
    job = 'command: "true"\nschedule: "* * * * *"\nstart_within: 1m'
    box.job("backup", job)
    past = past_of(box)
    slot = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=5)
    past.version(slot - timedelta(seconds=30), schedule=f"{slot.minute} {slot.hour} * * *", start_within=60.0)
    os.utime(box.job_directory / "backup.yaml", (0, 0))
    before = counters(box)

    marked = box.process_control("mark", "backup", iso(slot), "--note", "not needed")

    assert marked.exit_code == 0, str(marked)
    missed = {key: value for key, value in counters(box).items() if key[:3] == ("slots_total", "backup", "missed")}
    assert sum(missed.values()) >= 1
    assert missed == {key: value for key, value in before.items() if key in missed}
    assert ("slots_total", "backup", "skipped", "marked") not in counters(box)


def test_a_time_that_is_due_counts_when_it_is_settled(box: Box) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    box.job("backup", 'command: "true"\nschedule: "* * * * *"')
    past = past_of(box)
    past.version(now - timedelta(minutes=3, seconds=30), schedule="* * * * *")
    due = counters(box)
    for minutes in (3, 2, 1):
        past.start_of("backup", now - timedelta(minutes=minutes))

    found = counters(box)

    assert [due["slots_total", "backup", fate, ""] for fate in ("ran", "missed")] == [0, 0]
    assert (found["slots_total", "backup", "ran", ""], found["slots_total", "backup", "missed", ""]) == (3, 0)


# --- the format ------------------------------------------------------------------------------------------------------


@pytest.fixture
def hostile(box: Box) -> Box:
    """A box with files that no job may be named like, and a job that has run."""
    box.job("good", 'command: "true"\nschedule: "* * * * *"')
    box.run("good", "--scheduled")
    box.run("good")
    for name in HOSTILE:
        (box.job_directory / f"{name}.yaml").write_text("name: x")
    (box.job_directory / os.fsdecode(b"\xff.yaml")).write_text("name: x")
    return box


def test_promtool_finds_nothing_to_complain_about(hostile: Box) -> None:
    checked = promtool("check", "metrics", stdin=text(hostile))

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_the_parser_of_prometheus_reads_every_name_as_it_is(hostile: Box) -> None:
    parser = pytest.importorskip("prometheus_client.parser", reason="prometheus-client is not installed here")

    families: list[Any] = list(parser.text_string_to_metric_families(text(hostile)))

    held = next(family for family in families if family.name == "process_control_held")
    assert sorted(sample.labels["job"] for sample in held.samples) == sorted(["good", *HOSTILE, "\\xff"])
    kinds = {family.name.removeprefix("process_control_"): family.type for family in families}
    assert (kinds["runs"], kinds["run_duration_seconds"], kinds["held"]) == ("counter", "histogram", "gauge")


# --- the file --------------------------------------------------------------------------------------------------------


def test_a_reader_never_sees_half_a_file(box: Box, tmp_path: Path) -> None:
    box.job("backup", "command: 'true'")
    file = tmp_path / "process-control.prom"
    seen: set[tuple[str, str]] = set()
    names: set[str] = set()
    is_over = threading.Event()

    def write() -> None:
        try:
            for _ in range(6):
                assert box.process_control("metrics", "--output", str(file), umask=0o077).exit_code == 0
        finally:
            is_over.set()

    with_lines = threading.Thread(target=write)
    with_lines.start()
    is_last = False
    while not is_last:
        is_last = is_over.is_set()  # before the look: one of them comes after all has been written
        names |= {path.name for path in tmp_path.glob("*.prom")}
        if file.exists():
            lines = file.read_text().splitlines()
            seen.add((lines[0], lines[-1]))
        is_over.wait(0.002)
    with_lines.join()

    [(first, last)] = seen
    assert first.startswith("# HELP process_control_runs_total ")
    assert last.startswith("process_control_build_info{")
    assert (names, os.listdir(tmp_path)) == ({file.name}, [file.name])
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_a_file_that_cannot_be_written_is_an_error_and_stays_as_it_is(box: Box, tmp_path: Path) -> None:
    answer = box.process_control("metrics", "--output", str(tmp_path / "nowhere" / "x.prom"))

    assert answer.exit_code == 78
    assert answer.stderr == f"{tmp_path / 'nowhere'}: the directory does not exist\n  hint: make it\n"


def test_two_forms_at_once_are_refused(box: Box) -> None:
    answer = box.process_control("metrics", "--output", "x.prom", "--json")

    assert (answer.exit_code, answer.stdout) == (2, answer.stdout)
    assert not (box.root / "x.prom").exists()


@pytest.mark.needs_root
def test_root_writes_where_the_service_user_may_not(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("backup", "command: 'true'")
    box.run("backup")
    directory = box.root / "collector"
    directory.mkdir(mode=0o755)

    answer = box.process_control("metrics", "--output", str(directory / "x.prom"))

    assert (answer.exit_code, answer.stderr) == (0, "")
    assert 'process_control_runs_total{job="backup",outcome="succeeded",reason=""} 1' in (
        (directory / "x.prom").read_text().splitlines()
    )
    assert (directory / "x.prom").owner() == "root"
    assert {path.owner() for path in box.state_directory.iterdir()} == {SERVICE_USER}


# --- by watch --------------------------------------------------------------------------------------------------------


def test_watch_writes_the_file_that_the_configuration_names(box: Box, tmp_path: Path) -> None:
    file = tmp_path / "process-control.prom"
    box.configure(metrics={"textfile": str(file)})
    box.job("backup", "command: 'true'")
    crontab = box.cron_generate("--dry-run").stdout

    first = box.process_control("watch")
    box.run("backup")
    box.process_control("watch")

    assert (first.exit_code, first.stderr) == (0, "")
    assert 'process_control_runs_total{job="backup",outcome="succeeded",reason=""} 1' in file.read_text().splitlines()
    assert [line for line in crontab.splitlines() if line.startswith("* * * * * ") and " watch" in line]


def test_watch_reports_once_a_day_that_it_cannot_write_the_file(box: Box, tmp_path: Path) -> None:
    box.configure(metrics={"textfile": str(tmp_path / "nowhere" / "x.prom")})

    answers = [box.process_control("watch") for _ in range(2)]
    (tmp_path / "nowhere").mkdir()
    answers.append(box.process_control("watch"))

    assert [answer.exit_code for answer in answers] == [78, 78, 0]
    assert answers[0].stderr.startswith(f"{tmp_path / 'nowhere'}: the directory does not exist")
    assert [answer.stderr for answer in answers[1:]] == ["", ""]
    assert (tmp_path / "nowhere" / "x.prom").exists()

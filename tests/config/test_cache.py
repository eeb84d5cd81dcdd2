"""The cache: a parsed job counts only when its source is what was just read, and any doubt means parsing again."""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kit.harness import PROJECT
from kit.host import IS_ROOT, SERVICE_USER, STRANGER, Host, become, uid
from process_control.config.all_jobs import LoadedJobs, load_all
from process_control.config.cache import write as cache_writer
from process_control.config.cache.planned_slots import last_slot
from process_control.config.job_directory import InvalidJob, load_job
from process_control.config.settings import load_settings
from process_control.core.job import ATTRIBUTES, Job

needs_root = pytest.mark.needs_root


def caches(host: Host) -> Path:
    """Return where the cache of the one who runs the tests is."""
    return host.root / "var/cache/process-control/0" if IS_ROOT else host.home("root") / ".cache/process-control"


def cache_of(host: Host, slug: str) -> Path:
    return next(caches(host).glob(f"{slug}@*.json"))


def load(host: Host, slug: str = "purge") -> Job:
    return load_job(slug, host.settings(slug))


def change(file: Path, change_value: Callable[[dict[str, Any]], None]) -> None:
    value = json.loads(file.read_text())
    change_value(value)
    file.write_text(json.dumps(value))


def mark(file: Path) -> None:
    """Change the job's name in the cache: who says `marked` has read it there."""

    def rename(value: dict[str, Any]) -> None:
        value["job"][1][ATTRIBUTES.index("name")] = "marked"

    change(file, rename)


@pytest.fixture
def warm(host: Host) -> Host:
    """A host whose job `purge` is in the cache, with a mark."""
    host.configure("default_job_config: {timeout: 7}\n")
    host.job("purge", "schedule: '*/5 * * * *'\n")
    load(host)
    mark(cache_of(host, "purge"))
    return host


def test_a_job_comes_from_the_cache_when_nothing_has_changed(warm: Host) -> None:
    assert load(warm).name == "marked"
    assert load_job("purge", warm.settings()).name == "marked", "also without being announced"


def test_what_comes_from_the_cache_is_what_was_parsed(host: Host) -> None:
    host.configure("default_job_config: {environment: {A: ä}, tags: [a]}\n")
    host.job("purge", "schedule: '@daily'\nenvironment: {B: '\\'}\ntimeout: 1.5\n")

    assert load(host) == load(host)


def test_what_another_python_has_judged_counts_nothing(warm: Host) -> None:
    change(cache_of(warm, "purge"), lambda value: value.update(made_by=value["made_by"].replace("cpython", "pypy")))

    assert load(warm).name == "purge"


CHANGES: dict[str, Callable[[Host], object]] = {
    "a byte of the job": lambda host: host.job("purge", "schedule: '*/5 * * * *' \n"),
    "a default of the configuration": lambda host: host.configure("default_job_config: {timeout: 8}\n"),
    "the limit of logs": lambda host: host.configure("default_job_config: {timeout: 7}\nlimits: {log_bytes: 5}\n"),
}


@pytest.mark.parametrize("change_something", CHANGES.values(), ids=CHANGES)
def test_a_change_means_parsing_again(warm: Host, change_something: Callable[[Host], object]) -> None:
    change_something(warm)

    assert load(warm).name == "purge"
    mark(cache_of(warm, "purge"))
    assert load(warm).name == "marked", "and is kept again"


def test_a_change_of_the_configuration_that_no_job_sees_is_kept_beside_the_job(warm: Host) -> None:
    warm.configure("default_job_config: {timeout: 7}\nread_group: ops\n")

    assert load(warm).name == "marked"
    kept = json.loads(cache_of(warm, "purge").read_text())["configurations"][str(warm.configuration)]
    assert kept == [warm.configuration.read_text(), kept[1]]
    assert kept[1]["read_group"] == "ops"


def test_another_version_of_the_package_parses_again(warm: Host) -> None:
    change(cache_of(warm, "purge"), lambda value: value.update(made_by="0.0.0 0123456789ab"))

    assert load(warm).name == "purge"


def test_another_job_directory_with_the_same_file_parses_again(warm: Host) -> None:
    text = warm.configuration.read_text()
    (warm.root / "other").mkdir()
    warm.write("other/purge.yaml", (warm.jobs / "purge.yaml").read_text())
    warm.configuration.write_text(text.replace(f"{warm.root}/jobs", f"{warm.root}/other"))

    assert load(warm).path == f"{warm.root}/other/purge.yaml"


# --- all jobs, again and again ---------------------------------------------------------------------------------------


def test_a_job_whose_file_is_the_same_stays_the_same_object(warm: Host) -> None:
    warm.job("backup")
    loaded = LoadedJobs()
    _, purge = loaded.load(warm.settings())
    warm.job("backup", "timeout: 9\n")
    warm.job("new")
    backup, new, again = loaded.load(warm.settings())

    assert again is purge
    assert isinstance(backup, Job)
    assert (backup.timeout_seconds, new.slug) == (9, "new")


@pytest.mark.parametrize("change_something", CHANGES.values(), ids=CHANGES)
def test_a_change_means_loading_again(warm: Host, change_something: Callable[[Host], object]) -> None:
    loaded = LoadedJobs()
    [before] = loaded.load(warm.settings())
    change_something(warm)
    [job] = loaded.load(warm.settings())

    assert job is not before
    assert job == load_all(warm.settings())[0]


def test_a_job_that_is_loaded_again_follows_its_causes(host: Host) -> None:
    host.configure()
    host.job("cause", "schedule: '0 5 * * *'\n")
    host.job("follower", "after: cause\n")
    loaded = LoadedJobs()
    schedules = []
    for schedule in ("0 5 * * *", "0 6 * * *"):
        host.job("cause", f"schedule: '{schedule}'\n")
        _, follower = loaded.load(host.settings())
        assert isinstance(follower, Job)
        schedules.append(follower.schedule)
    host.job("cause", "schedule: '0 25 * * *'\n")
    invalid = loaded.load(host.settings())
    host.job("cause", "schedule: '0 7 * * *'\n")
    _, follower = loaded.load(host.settings())

    assert schedules == [["0 5 * * *"], ["0 6 * * *"]]
    assert [type(job) for job in invalid] == [InvalidJob, InvalidJob]
    assert isinstance(follower, Job)
    assert follower.schedule == ["0 7 * * *"]


# --- doubts ----------------------------------------------------------------------------------------------------------


def write(text: str | bytes) -> Callable[[Path], None]:
    def overwrite(file: Path) -> None:
        file.write_bytes(text.encode() if isinstance(text, str) else text)

    return overwrite


def made_by(**rest: object) -> Callable[[Path], None]:
    def replace(file: Path) -> None:
        file.write_text(json.dumps({"made_by": json.loads(file.read_text())["made_by"], **rest}))

    return replace


def make_link(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def make_directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


def make_fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


def cut_off(file: Path) -> None:
    file.write_text(file.read_text()[:-20])


DOUBTS: dict[str, Callable[[Path], None]] = {
    "empty": write(""),
    "cut off": cut_off,
    "garbage": write(b"\xff\x00\xfe" * 1000),
    "a number": write("17"),
    "a list": write("[]"),
    "deep": write("[" * 100_000),
    "no job": made_by(),
    "a job that is a text": made_by(job="x", made_with=[]),
    "values that are none": made_by(job=["x", 1, 2], made_with=[]),
    "configurations that are none": made_by(configurations=7),
    "a link": make_link,
    "two names": lambda file: file.with_name("other").hardlink_to(file),
    "readable by others": lambda file: file.chmod(0o644),
    "a directory": make_directory,
    "a FIFO": make_fifo,
    "a directory that others may enter": lambda file: file.parent.chmod(0o755),
}


@pytest.mark.parametrize("make_doubtful", DOUBTS.values(), ids=DOUBTS)
def test_a_cache_in_doubt_is_not_used_and_is_no_fault(warm: Host, make_doubtful: Callable[[Path], None]) -> None:
    make_doubtful(cache_of(warm, "purge"))

    job = load(warm)

    assert (job.name, job.timeout_seconds) == ("purge", 7.0)


def test_too_few_values_mean_parsing_again(warm: Host) -> None:
    change(cache_of(warm, "purge"), lambda value: value["job"][1].pop())

    assert load(warm).name == "purge"


@needs_root
def test_a_cache_that_belongs_to_somebody_else_is_not_used(warm: Host) -> None:
    file = cache_of(warm, "purge")
    os.chown(file, uid(STRANGER), 0)
    assert load(warm).name == "purge"

    mark(cache_of(warm, "purge"))
    os.chown(file.parent, uid(STRANGER), 0)
    assert load(warm).name == "purge"


def test_a_cache_that_cannot_be_written_is_no_fault(host: Host) -> None:
    host.configure()
    host.job("purge")
    host.write("var/cache/process-control", "a file where the directory should be")
    host.write("home/root/.cache", "another")

    assert load(host).name == "purge"
    assert [job.slug for job in load_all(host.settings())] == ["purge"]


def test_a_job_with_faults_is_never_kept(host: Host) -> None:
    host.configure()
    host.job("purge", "timout: 1\n")

    for _ in range(2):
        with pytest.raises(Exception, match="unknown key 'timout'"):
            load(host)

    assert not list(caches(host).glob("purge*"))


def test_the_cache_is_readable_by_nobody_else_whatever_the_umask(host: Host) -> None:
    host.configure()
    host.job("purge")
    before = os.umask(0)
    try:
        load(host)
    finally:
        os.umask(before)

    assert caches(host).stat().st_mode & 0o777 == 0o700
    assert cache_of(host, "purge").stat().st_mode & 0o777 == 0o600


def test_a_name_that_is_no_slug_reads_no_cache(host: Host) -> None:
    host.configure()

    assert host.settings("../../../etc/passwd").search.slug == ""


# --- whose cache -----------------------------------------------------------------------------------------------------


@needs_root
def test_root_makes_the_cache_of_the_service_user_and_reads_its_own(host: Host) -> None:
    host.configure(f"user: {SERVICE_USER}\n")
    host.job("purge")

    settings = host.settings("purge")
    with become(SERVICE_USER):
        load_job("purge", settings)

    place = host.root / f"var/cache/process-control/{uid(SERVICE_USER)}"
    assert (place.stat().st_uid, place.stat().st_mode & 0o777) == (uid(SERVICE_USER), 0o700)
    assert len(list(place.glob("purge@*"))) == 1
    mark(next(place.glob("purge@*")))
    assert load(host).name == "purge", "root"
    with become(SERVICE_USER):
        assert load_job("purge", settings).name == "marked", "the service user"


@needs_root
def test_the_service_user_is_not_given_the_text_of_a_configuration_that_only_root_may_read(host: Host) -> None:
    host.configure(f"user: {SERVICE_USER}\nx-password: hunter2\n").chmod(0o600)
    host.job("purge")

    settings = host.settings("purge")
    with become(SERVICE_USER):
        load_job("purge", settings)

    (kept,) = (host.root / f"var/cache/process-control/{uid(SERVICE_USER)}").iterdir()
    assert "hunter2" not in kept.read_text()


@needs_root
def test_others_keep_theirs_in_their_home(host: Host) -> None:
    home = host.make_home(STRANGER)
    job = host.write(
        f"home/{STRANGER}/.config/process-control/jobs/purge.yaml", "name: n\ncommand: c\n", owner=STRANGER
    )

    with become(STRANGER):
        settings = load_settings(None, host.environment(STRANGER), "purge", root=str(host.root))
        assert load_job("purge", settings).path == str(job)

    assert [path.name for path in (home / ".cache/process-control").iterdir()] == ["purge@.json"]


# --- planned times ---------------------------------------------------------------------------------------------------

MINUTES_5 = 300


def planned(host: Host) -> list[int]:
    slots: list[int] = json.loads(cache_of(host, "purge").read_text())["job"][1][ATTRIBUTES.index("planned_slots")]
    return slots


def test_what_a_killed_writer_has_begun_is_written_over(host: Host) -> None:
    host.configure("default_job_config: {timeout: 7}\n")
    host.job("purge", "schedule: '*/5 * * * *'\n")
    load(host)
    file = cache_of(host, "purge")
    kept = file.read_text()
    file.unlink()
    begun = file.with_name(f".{file.name}.new")
    begun.write_text("half of a longer file" * 1000)

    load(host)

    assert file.read_text() == kept
    assert not begun.exists()


def test_while_somebody_else_writes_it_nothing_is_written(host: Host) -> None:
    host.configure("default_job_config: {timeout: 7}\n")
    host.job("purge", "schedule: '*/5 * * * *'\n")
    load(host)
    file = cache_of(host, "purge")
    file.unlink()
    begun = file.with_name(f".{file.name}.new")
    begun.write_text("so far")

    with begun.open("r+") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        load(host)

    assert not file.exists()
    assert begun.read_text() == "so far"


def test_the_next_64_planned_times_are_kept(warm: Host) -> None:
    slots = planned(warm)

    assert slots[0] <= time.time() < slots[1] + MINUTES_5
    assert slots == list(range(slots[0], slots[0] + 64 * MINUTES_5, MINUTES_5))


def test_the_last_planned_time_is_the_last_not_later_than_now(warm: Host) -> None:
    job, settings, first = load(warm), warm.settings(), planned(warm)[0]

    assert last_slot(job, settings, first) == first
    assert last_slot(job, settings, first + 299.9) == first
    assert last_slot(job, settings, first + 300) == first + 300
    assert last_slot(job, settings, first + 62 * 300 + 299) == first + 62 * 300


def test_rare_times_are_planned_one_ahead(host: Host) -> None:
    """Sixty-four of them would be those of 250 years."""
    host.configure("default_job_config: {timeout: 7}\n")
    host.job("purge", "schedule: '7 7 29 2 *'\n")
    job = load(host)

    assert len(planned(host)) == 2
    assert planned(host)[0] < time.time() < planned(host)[1]
    assert last_slot(job, host.settings(), time.time()) == planned(host)[0]


def test_a_full_cache_is_emptied_by_some_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_writer, "MAX_FILES", 20)
    for number in range(21):
        (tmp_path / str(number)).touch()
    tmp_path.chmod(0o700)

    for _ in range(2000):  # the chance that none of them looks: 2e-14
        cache_writer.write_text([str(tmp_path)], "job", "{}")

    assert [path.name for path in tmp_path.iterdir()] == ["job"]


def test_used_up_planned_times_are_planned_again_and_kept(warm: Host) -> None:
    job, settings, first = load(warm), warm.settings(), planned(warm)[0]
    later = first + 1000 * MINUTES_5

    assert last_slot(job, settings, later + 10) == later
    assert planned(warm)[:2] == [later, later + MINUTES_5]
    assert load(warm).planned_slots[0] == later
    assert load(warm).name == "marked", "without parsing"


def test_a_clock_that_was_set_back_is_planned_again(warm: Host) -> None:
    job, settings, first = load(warm), warm.settings(), planned(warm)[0]

    assert last_slot(job, settings, first - 1) == first - MINUTES_5


def test_a_job_without_a_schedule_has_no_planned_time(host: Host) -> None:
    host.configure()
    host.job("purge")

    assert last_slot(load(host), host.settings(), time.time()) is None


def test_another_zone_file_means_planning_again(warm: Host) -> None:
    change(cache_of(warm, "purge"), lambda value: value["job"].__setitem__(2, ["other host", "", None]))

    job = load(warm)

    assert (job.name, job.planned_slots) == ("marked", [])
    assert last_slot(job, warm.settings(), 1_000_000_000) == 999_999_900


def test_the_zone_of_the_job_decides_its_planned_times(host: Host) -> None:
    host.configure()
    host.job("purge", "schedule: '30 2 * * *'\ntime_zone: Asia/Tokyo\n")

    assert last_slot(load(host), host.settings(), 1_795_478_400) == 1_795_455_000  # 17:30 UTC of the day before


# --- all jobs --------------------------------------------------------------------------------------------------------


def test_the_list_of_all_jobs_is_kept_and_used_file_by_file(host: Host) -> None:
    host.configure()
    for number in range(40):
        host.job(f"job{number:02}")
    first = load_all(host.settings())
    listing = cache_of(host, "+")

    change(listing, lambda value: value["jobs"]["job07"][1].__setitem__(ATTRIBUTES.index("name"), "marked"))
    host.job("job03", "owner: changed\n")
    second = load_all(host.settings())

    assert len(first) == len(second) == 40
    assert [job.slug for job in second if isinstance(job, Job) and job.name == "marked"] == ["job07"]
    assert [job.slug for job in second if isinstance(job, Job) and job.owner == "changed"] == ["job03"]


def test_a_listing_made_with_other_defaults_is_not_used(host: Host) -> None:
    host.configure()
    host.job("purge")
    load_all(host.settings())
    host.configure("default_job_config: {timeout: 3}\n")

    (job,) = load_all(host.settings())

    assert isinstance(job, Job)
    assert job.timeout_seconds == 3.0


# --- from a cold start -----------------------------------------------------------------------------------------------

COLD_START = """
import sys
opened = []
sys.addaudithook(lambda event, arguments: opened.append(str(arguments[0])) if event == "open" else None)
sys.path.insert(0, {source!r})
import posix
from process_control.config.settings import load_settings
from process_control.config.cache.planned_slots import last_slot
from process_control.config.job_directory import InvalidJob, load_job
settings = load_settings({configuration!r}, posix.environ, "purge", root={root!r})
job = load_job("purge", settings)
slot = last_slot(job, settings, {now!r})
print(job.name, slot, "yaml" in sys.modules, "os" in sys.modules, len([name for name in opened if ".json" in name]))
"""


def cold_start(host: Host, now: float) -> list[str]:
    program = COLD_START.format(
        source=str(PROJECT / "src"), configuration=str(host.configuration), root=str(host.root), now=now
    )
    environment = {"HOME": str(host.home("root"))}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False, env=environment
    )
    return [*done.stdout.split(), *done.stderr.split()]


def test_a_start_without_site_packages_finds_the_parser_and_the_next_one_needs_none(host: Host) -> None:
    host.configure()
    host.job("purge", "schedule: '*/5 * * * *'\n")
    now = time.time()
    slot = str(int(now // MINUTES_5 * MINUTES_5))

    first, second = cold_start(host, now), cold_start(host, now)

    assert first[:4] == ["purge", slot, "True", "True"]
    assert second == ["purge", slot, "False", "False", "1"], "one cache file, no parser, no `os`"

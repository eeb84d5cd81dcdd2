"""Jobs that are not there, names that cannot be a job's, and a job directory that is missing."""

import pytest

from kit.host import Host
from process_control.config.all_jobs import load_all
from process_control.config.job_directory import InvalidJob, load_job, slugs
from process_control.core.job import Job
from process_control.errors import BadConfiguration, JobNotFound, NotPermitted

RULE = "a job's name is letters, digits, - and _, at most 64, the first a letter or digit"


def not_found(host: Host, slug: str) -> str:
    with pytest.raises(JobNotFound) as caught:
        load_job(slug, host.settings())
    return str(caught.value).replace(str(host.root), "")


def test_a_job_that_is_not_there_is_told_with_the_nearest_name(host: Host) -> None:
    host.configure()
    host.job("backup-db")
    host.job("purge")

    assert not_found(host, "backup_db") == "no job 'backup_db' in /jobs\n  hint: did you mean 'backup-db'?"
    assert not_found(host, "zzz") == (
        "no job 'zzz' in /jobs\n  hint: create /jobs/zzz.yaml, or list all jobs: run-job --list-jobs"
    )


@pytest.mark.parametrize(
    "slug",
    ["", "..", "../etc", "/etc/passwd", "a b", "-l", "purge\n", "pürge", "a" * 65, "a\0b", "purge.yml", "\x1b[2J"],
    ids=ascii,
)
def test_a_malformed_name_is_no_job_and_opens_nothing(host: Host, slug: str) -> None:
    host.configure()
    host.job("purge")

    assert not_found(host, slug) == f"{slug!r} is not a job's name\n  hint: {RULE}"


def test_a_file_given_for_a_name_is_understood(host: Host) -> None:
    host.configure()
    host.job("purge")

    assert not_found(host, "purge.yaml") == "'purge.yaml' is not a job's name\n  hint: did you mean 'purge'?"
    assert not_found(host, "/jobs/purge.yaml") == (
        "'/jobs/purge.yaml' is not a job's name\n  hint: did you mean 'purge'?"
    )


def test_the_short_ending_is_told(host: Host) -> None:
    host.configure()
    host.write("jobs/purge.yml", "name: n\ncommand: c\n")

    assert not_found(host, "purge") == (
        "no job 'purge' in /jobs\n  hint: the file's name must end in .yaml: rename purge.yml"
    )


def test_a_missing_job_directory_says_how_to_make_it(host: Host) -> None:
    host.configure()
    host.configuration.write_text(f"job_directory: {host.root}/missing/jobs\n")

    for ask in (lambda settings: load_job("purge", settings), slugs, load_all):
        with pytest.raises(BadConfiguration) as caught:
            ask(host.settings())

        assert str(caught.value) == (
            f"{host.root}/missing/jobs: the job directory does not exist\n"
            f"  hint: set 'job_directory' in the configuration, or make it: install -d -m 755 {host.root}/missing/jobs"
        )


# --- all jobs --------------------------------------------------------------------------------------------------------


def fill(host: Host) -> None:
    host.configure()
    for slug in ("b", "a", "c-1"):
        host.job(slug)
    for other in (".hidden.yaml", ".#a.yaml", "a.yaml~", "a.yaml.swp", "b.yml", "README", "#c.yaml#"):
        host.write(f"jobs/{other}", "")
    (host.jobs / "sub").mkdir()
    host.write("jobs/sub/d.yaml", "name: n\ncommand: c\n")


def test_only_files_named_for_a_slug_are_jobs(host: Host) -> None:
    fill(host)

    assert slugs(host.settings()) == ["a", "b", "c-1"]
    assert [job.slug for job in load_all(host.settings())] == ["a", "b", "c-1"]


def test_one_bad_file_never_hides_the_others(host: Host) -> None:
    fill(host)
    host.job("faulty", "timout: 1\n")
    host.job("open").chmod(0o666)
    host.write("jobs/not a slug.yaml", "name: n\ncommand: c\n")
    (host.jobs / "directory.yaml").mkdir()
    (host.jobs / "link.yaml").symlink_to("a.yaml")

    found = load_all(host.settings())

    assert [job.slug for job in found if isinstance(job, Job)] == ["a", "b", "c-1"]
    invalid = {job.slug: job for job in found if isinstance(job, InvalidJob)}
    assert {slug: type(job.error) for slug, job in invalid.items()} == {
        "faulty": BadConfiguration,
        "open": NotPermitted,
        "not a slug": JobNotFound,
        "directory": NotPermitted,
        "link": NotPermitted,
    }
    assert (
        str(invalid["not a slug"].error)
        == f"'not a slug.yaml' is not a valid name for a job file\n  hint: rename it: {RULE}"
    )
    assert invalid["faulty"].path == f"{host.jobs}/faulty.yaml"
    assert invalid["faulty"].error.faults[0].where == "faulty.yaml:3:1"

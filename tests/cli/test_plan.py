"""`plan`: what a change in git does to planned times, with real repositories."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from kit.checkout import Checkout
from kit.desk import Desk
from kit.harness import IS_ROOT, SERVICE_USER, Box

NIGHTLY = "command: /bin/true\nschedule: '0 2 * * *'"


@pytest.fixture
def checkout(desk: Desk) -> Checkout:
    return Checkout.at(desk.jobs)


def by_job(answer: dict[str, list[dict[str, object]]]) -> dict[object, dict[str, object]]:
    return {each["job"]: each for each in answer["jobs"]}


@pytest.mark.needs_utc
def test_the_planned_times_that_a_change_adds_and_removes_are_counted(desk: Desk, checkout: Checkout) -> None:
    desk.job("billing", NIGHTLY)
    desk.job("same", NIGHTLY)
    checkout.commit()
    desk.job("billing", NIGHTLY.replace("0 2", "30 2"))
    checkout.commit()

    result = desk.process_control("plan", "HEAD~1..HEAD", "--json")

    [change] = result.json()["jobs"]
    assert (result.exit_code, result.json()["fires_differently"]) == (1, True)
    assert (change["job"], change["change"]) == ("billing", "changed")
    assert {at[11:16] for at in change["slots_added"]} == {"02:30"}
    assert {at[11:16] for at in change["slots_removed"]} == {"02:00"}
    assert len(change["slots_added"]) == len(change["slots_removed"]) == 7
    assert change["schedule"] == {"before": "at 02:00 every day", "after": "at 02:30 every day"}


def test_without_a_revision_the_last_commit_is_compared_with_the_files_as_they_are(
    desk: Desk, checkout: Checkout
) -> None:
    desk.job("old", NIGHTLY)
    desk.job("billing", NIGHTLY)
    commit = checkout.commit()
    (desk.jobs / "old.yaml").unlink()
    desk.job("billing", f"{NIGHTLY}\ntimeout: 20m\nenvironment: {{TOKEN: secret}}")
    desk.job("new", "command: /bin/true\nschedule: '5 * * * *'")

    result = desk.process_control("plan", "--json")

    answer = result.json()
    jobs = by_job(answer)
    assert (answer["before"], answer["after"]) == ({"revision": "HEAD", "commit": commit}, None)
    assert {slug: job["change"] for slug, job in jobs.items()} == {
        "billing": "changed", "new": "added", "old": "removed"
    }  # fmt: skip
    assert jobs["billing"]["keys"] == [
        {"key": "timeout", "before": "10 min", "after": "20 min"},
        {"key": "environment.TOKEN", "before": None, "after": "set"},
    ]
    assert jobs["billing"]["first_difference"] is None
    assert "secret" not in result.stdout
    assert len(jobs["new"]["slots_added"]) == 7 * 24
    assert len(jobs["old"]["slots_removed"]) == 7


def test_a_change_without_an_effect_on_planned_times_is_exit_code_zero(desk: Desk, checkout: Checkout) -> None:
    desk.job("billing", NIGHTLY)
    checkout.commit()
    desk.job("billing", "command: /bin/false  # for now\nschedule: '@daily'".replace("@daily", "0 2 * * 0-6"))

    result = desk.process_control("plan", "--json")

    [change] = result.json()["jobs"]
    assert (result.exit_code, result.json()["fires_differently"]) == (0, False)
    assert [key["key"] for key in change["keys"]] == ["command", "schedule"]
    assert desk.process_control("plan", "HEAD..HEAD").exit_code == 0


@pytest.mark.needs_utc
def test_a_difference_behind_the_days_is_found_too(desk: Desk, checkout: Checkout) -> None:
    """A yearly job that is moved runs differently, although no planned time of this week shows it."""
    far = f"{datetime.now(UTC) + timedelta(days=200):%-d %-m}"
    desk.job("yearly", f"command: /bin/true\nschedule: '0 2 {far} *'")
    checkout.commit()
    desk.job("yearly", f"command: /bin/true\nschedule: '0 3 {far} *'")

    result = desk.process_control("plan", "--json")

    [change] = result.json()["jobs"]
    assert result.exit_code == 1
    assert (change["slots_added"], change["slots_removed"]) == ([], [])
    assert change["first_difference"][11:16] == "02:00"


def test_a_file_that_becomes_invalid_starts_nothing_any_more(desk: Desk, checkout: Checkout) -> None:
    desk.job("billing", NIGHTLY)
    checkout.commit()
    desk.job("billing", f"{NIGHTLY}\ntimout: 5m")

    result = desk.process_control("plan", "--json")

    [change] = result.json()["jobs"]
    assert result.exit_code == 1
    assert change["faults"]["after"][0]["where"] == "billing.yaml:4:1"
    assert len(change["slots_removed"]) == 7


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        ("nowhere..HEAD", 66, "no such revision: 'nowhere'"),
        ("HEAD..--help", 66, "no such revision: '--help'"),
        ("HEAD~7", 66, "no such revision: 'HEAD~7'"),
    ],
)
def test_an_unknown_revision_is_named(desk: Desk, checkout: Checkout, words: str, code: int, what: str) -> None:
    checkout.commit()

    result = desk.process_control("plan", words)

    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(f"{desk.jobs}: {what}\n  hint: git -C")


def test_a_directory_outside_of_any_checkout_is_refused_with_a_hint(desk: Desk) -> None:
    result = desk.process_control("plan")

    assert result.exit_code == 78
    assert "is not in a checkout of git" in result.stderr
    assert f"hint: keep the job files in git: git -C {desk.jobs} init" in result.stderr


def test_a_checkout_without_a_commit_has_nothing_to_compare_with(desk: Desk, checkout: Checkout) -> None:
    result = desk.process_control("plan")

    assert (result.exit_code, "has no commit yet" in result.stderr) == (66, True)


def test_three_dots_begin_where_the_branches_parted(desk: Desk, checkout: Checkout) -> None:
    desk.job("a", NIGHTLY)
    checkout.commit()
    checkout.git("checkout", "-q", "-b", "change")
    desk.job("b", NIGHTLY)
    checkout.commit()
    checkout.git("checkout", "-q", "main")
    desk.job("c", NIGHTLY)
    checkout.commit()

    two = by_job(desk.json("plan", "main..change", "--json"))
    three = by_job(desk.json("plan", "main...change", "--json"))

    assert {slug: job["change"] for slug, job in two.items()} == {"b": "added", "c": "removed"}
    assert {slug: job["change"] for slug, job in three.items()} == {"b": "added"}


def test_jobs_of_a_directory_below_the_checkout_are_read_from_there(desk: Desk) -> None:
    """The job directory is often one of several in a repository, and may have directories of its own."""
    checkout = Checkout.at(desk.root)
    desk.job("billing", NIGHTLY)
    (desk.jobs / "scripts").mkdir()
    (desk.jobs / "scripts" / "other.yaml").write_text("not: a job\n")
    (desk.root / "elsewhere.yaml").write_text("not: a job\n")
    (desk.jobs / ".hidden.yaml").write_text("not: a job\n")
    checkout.commit()

    assert desk.json("plan", "--json")["jobs"] == []


def test_a_link_in_a_commit_is_no_job(desk: Desk, checkout: Checkout) -> None:
    desk.job("billing", NIGHTLY)
    (desk.jobs / "link.yaml").symlink_to("billing.yaml")
    checkout.commit()
    (desk.jobs / "link.yaml").unlink()

    job = by_job(desk.json("plan", "--json"))["link"]

    assert (job["change"], job["slots_removed"]) == ("removed", [])
    assert "is a link" in str(job["faults"])


def test_a_file_that_git_does_not_have_is_named(desk: Desk, checkout: Checkout) -> None:
    desk.job("billing", NIGHTLY)
    checkout.commit()
    blob = checkout.git("rev-parse", "HEAD:billing.yaml")
    (desk.jobs / ".git" / "objects" / blob[:2] / blob[2:]).unlink()

    result = desk.process_control("plan")

    assert result.exit_code == 74
    assert f"git does not have the file {blob} of this commit\n  hint: git -C {desk.jobs} fetch" in result.stderr


# --- what is to be expected ------------------------------------------------------------------------------------------


def kinds(answer: dict[str, list[dict[str, object]]], state: str) -> list[tuple[object, object]]:
    return [(each["kind"], each["jobs"]) for each in answer["expected"] if each["state"] == state]


def test_real_durations_show_overlaps_and_timeouts_that_come_and_go(desk: Desk, checkout: Checkout) -> None:
    desk.job("sync", "command: /bin/true\nschedule: '0 * * * *'\ntimeout: 2h")
    desk.job("slow", "command: /bin/true\nschedule: '*/10 * * * *'\ntimeout: 2h")
    desk.job("report", "command: /bin/true\nschedule: '0 3 * * *'\ntimeout: 1h")
    checkout.commit()
    for job, seconds in (("sync", 2700), ("slow", 900), ("report", 1200)):
        for day in (1, 2, 3):
            desk.state.run(job, datetime.now(UTC) - timedelta(days=day), seconds=seconds)
    desk.job("sync", "command: /bin/true\nschedule: '*/30 * * * *'\ntimeout: 2h")
    desk.job("slow", "command: /bin/true\nschedule: '*/20 * * * *'\ntimeout: 2h")
    desk.job("report", "command: /bin/true\nschedule: '0 3 * * *'\ntimeout: 10m\nlock: db")

    answer = desk.json("plan", "--json")

    assert kinds(answer, "new") == [("overlap", ["sync"]), ("timeout", ["report"])]
    assert kinds(answer, "gone") == [("overlap", ["slow"])]
    assert answer["unknown_durations"] == []
    [timeout] = [each for each in answer["expected"] if each["kind"] == "timeout"]
    assert (timeout["usual_seconds"], timeout["limit_seconds"]) == (1200, 600)


def test_jobs_that_would_share_a_lock_at_one_time_are_found(desk: Desk, checkout: Checkout) -> None:
    for job, schedule in (("backup", "0 3 * * *"), ("purge", "30 3 * * *")):
        desk.job(job, f"command: /bin/true\nschedule: '{schedule}'")
        for day in (1, 2, 3):
            desk.state.run(job, datetime.now(UTC) - timedelta(days=day), seconds=2400)
    checkout.commit()
    desk.job("purge", "command: /bin/true\nschedule: '30 3 * * *'\nlock: backup")

    answer = desk.json("plan", "--json")

    assert ("lock", ["backup", "purge"]) in kinds(answer, "new")
    assert answer["fires_differently"] is False


def test_how_many_jobs_run_at_once_is_told_of_both_sides(desk: Desk, checkout: Checkout) -> None:
    for job in ("a", "b", "c"):
        desk.job(job, "command: /bin/true\nschedule: '0 3 * * *'")
    checkout.commit()
    desk.job("c", "command: /bin/true\nschedule: '0 4 * * *'")
    desk.job("b", "command: /bin/true\nschedule: '0 3 * * *'\ndisabled: true")

    answer = desk.json("plan", "--json")

    assert (answer["peak"]["before"]["jobs"], answer["peak"]["after"]["jobs"]) == (3, 1)
    assert answer["unknown_durations"] == ["a", "c"]


def test_a_minute_that_gets_too_many_jobs_is_named_with_them(desk: Desk, checkout: Checkout) -> None:
    for number in range(5):
        desk.job(f"a{number}", NIGHTLY)
    checkout.commit()
    desk.job("a5", NIGHTLY)

    assert kinds(desk.json("plan", "--json"), "new") == [("herd", ["a0", "a1", "a2", "a3", "a4", "a5"])]
    assert kinds(desk.json("plan", "HEAD..HEAD", "--json"), "new") == []


# --- how it is shown -------------------------------------------------------------------------------------------------


def test_markdown_and_json_do_not_go_together(desk: Desk, checkout: Checkout) -> None:
    checkout.commit()

    assert desk.process_control("plan", "--markdown", "--json").exit_code == 2


def test_the_title_counts_the_jobs_of_both_sides_and_has_the_dots_that_were_asked_for(
    desk: Desk, checkout: Checkout
) -> None:
    for job in ("a", "b", "same"):
        desk.job(job, f"name: {job}\n{NIGHTLY}")
    checkout.commit()
    for job in ("a", "b"):
        (desk.jobs / f"{job}.yaml").rename(desk.jobs / f"{job}{job}.yaml")
    checkout.commit()

    comment = desk.process_control("plan", "HEAD~1...HEAD", "--markdown").stdout
    rows = desk.process_control("plan", "HEAD~1..HEAD", "--no-header").stdout.splitlines()
    answer = desk.json("plan", "HEAD~1..HEAD", "--json")

    assert answer["renamed"] == [{"before": "a", "after": "aa"}, {"before": "b", "after": "bb"}]
    assert comment.startswith("### HEAD\\~1...HEAD: 4 of 5 jobs changed, ")
    assert "- renamed a -&#62; aa: its history, hold and health stay under the old name\n" in comment
    assert "renamed\tbb\tb\tbb" in rows


def test_a_job_that_becomes_disabled_is_said_to_be(desk: Desk, checkout: Checkout) -> None:
    desk.job("billing", NIGHTLY)
    checkout.commit()
    desk.job("billing", f"{NIGHTLY}\ndisabled: true")

    comment = desk.process_control("plan", "--markdown").stdout
    rows = desk.process_control("plan", "--no-header").stdout.splitlines()

    assert "| at 02:00 every day -&#62; disabled |" in comment
    assert "changed\tbilling\tat 02:00 every day\tdisabled" in rows


@pytest.fixture
def reviewed(desk: Desk, checkout: Checkout) -> Desk:
    desk.job("billing", NIGHTLY)
    desk.job("old", NIGHTLY)
    checkout.commit()
    (desk.jobs / "old.yaml").unlink()
    desk.job("billing", "command: echo '<!-- | @ops `x` [y](z)' *\nschedule: '30 2 * * *'\ntimeout: 20m")
    return desk


def test_a_comment_for_a_review_shows_texts_of_job_files_as_they_are(reviewed: Desk) -> None:
    shown = reviewed.process_control("plan", "--markdown")

    row = next(line for line in shown.stdout.splitlines() if line.startswith("| billing"))
    assert shown.exit_code == 1
    assert shown.stdout.startswith("### HEAD to the files as they are: 2 of 2 jobs changed, planned times differ\n")
    assert "at 02:00 every day -&#62; at 02:30 every day" in row
    assert "timeout: 10 min -&#62; 20 min" in row
    assert row.count("|") == 6
    assert not any(sign in row for sign in ("<!--", "@", "`", " [y]", " *"))


def test_a_pipe_gets_a_line_for_each_difference(reviewed: Desk) -> None:
    lines = [line.split("\t") for line in reviewed.process_control("plan", "--no-header").stdout.splitlines()]

    assert ["changed", "billing", "at 02:00 every day", "at 02:30 every day"] in lines
    assert ["timeout", "billing", "10 min", "20 min"] in lines
    assert ["planned times", "billing", "-7", "7"] in lines
    assert ["removed", "old", "at 02:00 every day", ""] in lines


def test_a_terminal_of_80_columns_shows_what_changes(reviewed: Desk, make_box: Callable[..., Box]) -> None:
    env = {"TERM": "dumb", "LANG": "C.UTF-8", "TZ": "UTC", "COLUMNS": "80"}
    words = ["--config", str(reviewed.configuration), "--no-pager", "plan"]

    shown = make_box().process_control(*words, tty=True, env=env).stdout.splitlines()

    assert all(len(line) <= 80 for line in shown)
    assert shown[0] == "HEAD to the files as they are: 2 of 2 jobs changed, planned times differ"
    assert "changed  billing" in shown
    assert "         at 02:00 every day -> at 02:30 every day" in shown
    assert any(line.startswith("         +7 -7 planned times, first ") for line in shown)


# --- as the service user ---------------------------------------------------------------------------------------------


@pytest.mark.skipif(not IS_ROOT, reason="only root can be another user")
def test_a_checkout_of_another_account_is_refused_with_the_command_that_trusts_it(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("billing", NIGHTLY)
    checkout = Checkout.at(box.job_directory)
    checkout.commit()

    refused = box.process_control("plan", env={"HOME": str(box.root)})
    box.give(box.job_directory, SERVICE_USER)
    trusted = box.process_control("plan", env={"HOME": str(box.root)})

    assert refused.exit_code == 77
    assert "git does not trust this checkout: it belongs to another account" in refused.stderr
    assert f"hint: git config --system --add safe.directory '{box.job_directory}'" in refused.stderr
    assert trusted.exit_code == 0, trusted.stderr

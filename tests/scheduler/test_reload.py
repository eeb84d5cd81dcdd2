"""The scheduler follows its configuration: what runs read is what it plans by."""

from kit.harness import Box, until
from kit.runs import ONE_SLOT, ends
from kit.schedulers import scheduler


def test_a_new_job_directory_is_planned(box: Box) -> None:
    other = box.root / "other-jobs"
    other.mkdir()
    (other / "late.yaml").write_text(f"name: Late\ncommand: /bin/true\n{ONE_SLOT}\n")

    with scheduler(box) as live:
        assert live.ask("status")["scheduler"]["jobs"] == 0
        box.configure(job_directory=str(other))
        assert live.ask("reload")["jobs"] == 1


def test_a_new_pool_is_known(box: Box) -> None:
    with scheduler(box) as live:
        box.configure(pools={"db": {"at_once": 1}})
        box.job("first", f"command: /bin/true\npool: db\n{ONE_SLOT}")
        assert live.ask("reload")["jobs"] == 1
        live.ask("run", jobs=["first"])
        until(lambda: ends(box, "first"), "an end")


def test_a_configuration_that_became_wrong_leaves_the_plan_as_it_is(box: Box) -> None:
    box.job("one", f"command: /bin/true\n{ONE_SLOT}")

    with scheduler(box) as live:
        assert box.configuration is not None
        right = box.configuration.read_text()
        box.configuration.write_text(f"{right}\nnonsense: 1\n")
        assert live.ask("reload")["jobs"] == 1
        live.parent.wait_for_line("nonsense", stream="stderr")
        box.configuration.write_text(right)
        assert live.ask("reload")["jobs"] == 1


def test_what_only_a_new_start_reads_is_said(box: Box) -> None:
    with scheduler(box) as live:
        box.configure(run_directory=str(box.root / "other-run"))
        live.ask("reload")
        live.parent.wait_for_line("run_directory changed", stream="stderr")


def test_a_file_that_is_written_in_place_is_read_without_being_asked(box: Box) -> None:
    box.job("one", f"command: /bin/true\n{ONE_SLOT}")

    with scheduler(box) as live:
        file = box.job_directory / "one.yaml"
        with file.open("r+") as text:
            text.write(file.read_text().replace("schedule:", "disabled: true\nschedule:"))
        until(lambda: live.ask("status")["scheduler"]["jobs"] == 0, "the change to be seen")

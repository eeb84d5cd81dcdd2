"""What a person does with a job is posted for its incident; a job without one posts nothing."""

import pytest

from kit.harness import Box
from kit.looks import FAILMAIL, Looks, looks, posted
from kit.mail_server import nothing_is_sent

__all__ = ["looks"]

TRUE = "command: /bin/true\nstart_within: 3m"


@pytest.mark.parametrize("words", [("hold",), ("pause", "--for", "2h")])
def test_who_holds_a_job_with_an_incident_knows_of_it(make_box, words: tuple[str, ...]) -> None:
    box: Box = make_box(failmail=FAILMAIL)
    box.job("bad", "command: /bin/false")
    box.job("good", "command: /bin/true")
    with nothing_is_sent(box):
        box.run("bad")
        box.run("good")

        box.process_control(words[0], "bad", "good", *words[1:], "--yes", "--note", "I look at it")
        box.process_control("release", "bad", "good", "--yes")

        box.wait_until_all_ended()
        assert [(event["what"], event["job"]) for event in posted(box)] == [("failed", "bad"), ("acknowledged", "bad")]
        assert posted(box)[1]["note"] == "I look at it"
        assert posted(box)[1]["by"]


def test_who_marks_a_missed_time_settles_it(looks: Looks) -> None:
    looks.box.job("job", f"{TRUE}\n{looks.planned(1, 2)}")
    looks.look(0, 2.5, 4.5)

    result = looks.box.process_control(
        "mark", "job", looks.at(1).strftime("%Y-%m-%dT%H:%MZ"), "--note", "done by hand", env=looks.clock(5)
    )

    assert result.exit_code == 0, result
    assert [(event["what"], event["slots"]) for event in posted(looks.box, "settled")] == [("settled", [looks.iso(1)])]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("command: /bin/false\nschedule: '0 3 * * *'\ndisabled: true", "the job is disabled"),
        ("command: /bin/false\nfailmail: false", "nobody is to be notified about the job any more"),
        (None, "its job file is gone"),
    ],
)
def test_a_job_with_an_incident_of_which_nothing_is_expected_any_more_is_gone(
    looks: Looks, text: str | None, why: str
) -> None:
    box = looks.box
    box.job("job", "command: /bin/false")
    box.run("job")
    looks.look(0)
    if text is None:
        (box.job_directory / "job.yaml").unlink()
    else:
        box.job("job", text)

    looks.look(1, 2)

    assert [(event["what"], event["sentence"]) for event in posted(box, "gone")] == [("gone", why)]
    assert not (box.state_directory / "jobs/job/incident").exists()


def test_an_invalid_file_ends_no_incident(looks: Looks) -> None:
    box = looks.box
    box.job("job", "command: /bin/false")
    box.run("job")
    looks.look(0)
    box.job("job", "comand: /bin/false")

    looks.look(1)

    assert posted(box, "gone") == []
    assert (box.state_directory / "jobs/job/incident").exists()

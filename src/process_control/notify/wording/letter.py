"""A message as a value, before it is text or HTML: what it says, in the order in which it is read. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from process_control.notify.message import one_line

#: Of a subject: more is cut off by mail programs.
MAX_SUBJECT = 200


class Tone(StrEnum):
    """How bad it is: the colour of a message."""

    BAD = "bad"
    GOOD = "good"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a message says. Every text is masked already; control characters may be in it."""

    host: str
    #: The job, `3 jobs`, or the host's name: what the verdict is about.
    about: str
    #: The reason, in words: `failed: exited with 3`.
    verdict: str
    tone: Tone = Tone.BAD
    #: The line below the verdict: the job's name, and what asked for the run.
    headline: str = ""
    #: What happened, in sentences.
    sentences: tuple[str, ...] = ()
    output_title: str = ""
    #: The lines that decided the run, as they were printed: with colours and progress bars.
    output: str = ""
    #: Values of secrets, which must not be in what the output looks like at last.
    secrets: tuple[str, ...] = ()
    #: The jobs of an incident of several: slug, and what happened to it.
    jobs: tuple[tuple[str, str], ...] = ()
    #: How many more jobs there are.
    more_jobs: int = 0
    #: Pairs of name and value.
    facts: tuple[tuple[str, str], ...] = ()
    #: Since when, for the title: `Changed since the last good run (Tue 2026-11-24 03:00 CET)`.
    changes_title: str = ""
    changes: tuple[str, ...] = ()
    #: From the job's file.
    runbook: str = ""
    #: Pairs: what for, and the line to paste.
    commands: tuple[tuple[str, str], ...] = ()
    footer: str = ""

    def __repr__(self) -> str:
        return f"Letter({self.host}: {self.about})"

    @property
    def subject(self) -> str:
        """`db1: backup failed: exited with 3`, on one line, of a length that every reader shows.

        Host and job come first, the same in all messages of an incident; then the reason.
        """
        return cut(one_line(f"{self.host}: {self.about} {self.verdict}"), MAX_SUBJECT)


def cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"

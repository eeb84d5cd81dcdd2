"""How units of systemd that start jobs are named, and the line by which they are known as ours. Pure."""

WRITTEN_BY = "# Written by process-control export systemd"
PREFIX = "process-control-"


def header(job_directory: str) -> str:
    """Return the first line of our units: those of another job directory are not ours."""
    return f"{WRITTEN_BY} from the jobs in {on_one_line(job_directory)}"


def on_one_line(text: str) -> str:
    r"""Return a text as it can stand in a comment: nothing in it ends the line, or joins the next one (`\`)."""
    return "".join(char if char.isprintable() and char != "\\" else "?" for char in text)

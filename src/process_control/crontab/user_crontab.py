"""The crontab of the account that we run as: what `crontab -l` prints, and whether it fits the job files.

Its file in the spool can be read by the program `crontab` only. Says nothing where that does not answer, or where the
crontab was not written by cron-generate from this job directory.
"""

import os
import subprocess

from process_control.crontab.rules import is_comment, variable_name
from process_control.crontab.text import WRITTEN_BY, on_one_line

PROGRAMS = ("/usr/bin/crontab", "/bin/crontab")
MAX_SECONDS = 2.0
WRITE_AGAIN = "cron-generate --output ~/crontab; crontab ~/crontab"
EDIT = "put what `cron-generate --output console` prints in place of its lines: crontab -e"


def read_user_crontab(job_directory: str) -> str | None:
    """Return our account's crontab when cron-generate wrote it from the jobs in `job_directory`; else None."""
    program = next((path for path in PROGRAMS if os.access(path, os.X_OK)), None)
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "-l"], stdin=subprocess.DEVNULL, capture_output=True, timeout=MAX_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    text = done.stdout.decode("utf-8", "surrogateescape")
    header = f"{WRITTEN_BY} from the jobs in {on_one_line(job_directory)}"
    return text if done.returncode == 0 and header in text.split("\n") else None


def is_up_to_date(text: str, wanted: str) -> bool:
    """Return whether the crontab `text` starts the jobs as the crontab `wanted` would; lines of others do not count."""
    return _calls(text) == _calls(wanted)


def fix_for(text: str) -> str:
    """Return the command that brings the crontab up to date, and keeps lines that are not ours."""
    others = [line for line in text.split("\n") if not is_comment(line) and not _is_call(line)]
    return EDIT if any(variable_name(line) != "MAILTO" for line in others) else WRITE_AGAIN


def _calls(text: str) -> list[str]:
    return [line for line in text.split("\n") if _is_call(line)]


def _is_call(line: str) -> bool:
    return not is_comment(line) and " --scheduled " in line

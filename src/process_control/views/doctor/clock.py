"""Checks the clock: whether something keeps it right, and whether it is behind what was recorded."""

from datetime import UTC, datetime

from process_control.core.measures import duration
from process_control.history.journal_reader import backwards
from process_control.system.cron_daemon import is_host
from process_control.system.linux import clock_is_synchronized
from process_control.views.doctor.finding import BAD, WARN, Finding, fine
from process_control.views.doctor.look import Look

CHECK = "clock"
#: Two processes that write at once may be so far apart.
TOLERATED_SECONDS = 5.0
MAX_RECORDS = 200


def check(look: Look) -> list[Finding]:
    """Return that the clock is behind the newest record, or that nothing keeps it right."""
    found = behind_the_records(look.settings.state_directory, look.now)
    is_synchronized = clock_is_synchronized() if is_host() else None
    if is_synchronized is False:
        what = "nothing keeps the clock right: the kernel says that it is not synchronized"
        found.append(Finding(check=CHECK, state=WARN, what=what, remedy="timedatectl set-ntp true"))
    if found:
        return found
    return fine(CHECK, "synchronized" if is_synchronized else "not behind the records; what keeps it right is not seen")


def behind_the_records(state_directory: str, now: float) -> list[Finding]:
    newest = 0.0
    for number, record in enumerate(backwards(state_directory)):
        if number >= MAX_RECORDS:
            break
        newest = max(newest, _seconds(record.get("at")))
    if newest <= now + TOLERATED_SECONDS:
        return []
    at = f"{datetime.fromtimestamp(newest, UTC):%Y-%m-%dT%H:%M:%SZ}"
    what = f"the clock is {duration(newest - now)} behind the newest record ({at}): it is wrong now, or was then"
    return [Finding(check=CHECK, state=BAD, what=what, remedy="timedatectl status; process-control audit --limit 5")]


def _seconds(moment: object) -> float:
    try:
        return datetime.fromisoformat(str(moment)).timestamp()
    except ValueError:
        return 0.0

"""Whoever can open a file can lock it: nothing of ours waits for what a reader or a stranger may open."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from kit.harness import SERVICE_USER, STRANGER, Box, until
from kit.runs import ends, script

pytestmark = pytest.mark.needs_root

READERS = "nogroup"
"""The group of STRANGER."""
NO_MEMBER = "daemon"
SOON_SECONDS = 20

HOLD_EVERYTHING = """\
import fcntl, os, sys

opened = []
def hold(path):
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return
    opened.append(descriptor)
    for lock in (lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB),
                 lambda: fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)):
        try:
            lock()
        except OSError:
            pass

for place in sys.argv[2:]:
    hold(place)
    for directory, directories, files in os.walk(place):
        for name in directories + files:
            if not name.endswith(".fifo"):
                hold(os.path.join(directory, name))
with open(sys.argv[1], "w") as told:
    print(len(opened), file=told, flush=True)
sys.stdin.read()
os.pause() if hasattr(os, "pause") else __import__("signal").pause()
"""


@contextmanager
def everything_held(box: Box, *users: str) -> Iterator[list[int]]:
    """Have these users lock each file and directory of the product that they can open; how many each could."""
    holder = box.root / "hold.py"
    holder.write_text(HOLD_EVERYTHING)
    places = [box.root, box.product.prefix, Path("/var/cache/process-control")]
    counts = []
    with ExitStack() as held:
        for user in users:
            ready = box.fifo(f"{user}.fifo")
            words = ["/usr/bin/python3", "-I", holder, ready, *places]
            held.enter_context(box.start_command(list(map(str, words)), user=user))
            counts.append(int(ready.read_line()))
        yield counts


@pytest.mark.parametrize("opened", ["from the first run on", "later"])
def test_nothing_waits_for_what_a_reader_or_a_stranger_holds(make_box: Callable[..., Box], opened: str) -> None:
    box = make_box(service_user=SERVICE_USER)
    mails = box.root / "mails"
    mails.mkdir()
    box.give(mails, SERVICE_USER)
    sendmail = script(box, "sendmail", f'cat > "$(mktemp {mails}/XXXXXX)"')
    (box.root / "cron.d").mkdir()
    box.configure(
        failmail={"to_address": "ops@example.org", "sendmail": str(sendmail)},
        output_crontab=str(box.root / "cron.d/process-control"),
        runner_path="/bin/true",
    )
    if opened == "from the first run on":
        box.configure(read_group=READERS)
    box.job("fine", 'command: /bin/true\nschedule: "0 0 1 1 *"\nlock: shared')
    box.job("broken", "command: sh -c 'echo why >&2; exit 3'\nhold: {after_failures: 9}")
    for slug in ("fine", "broken"):
        box.run(slug)
    until(lambda: len(list(mails.iterdir())) == 1, "the first mail")
    for verb in ("history", "prune"):
        box.process_control(verb)
    box.cron_generate()
    box.configure(read_group=READERS)
    box.run("fine")
    assert box.process_control("history", user=STRANGER).exit_code == 0

    with everything_held(box, STRANGER, NO_MEMBER) as counts:
        assert counts[0] > 20
        soon = {
            "a run": box.run("fine", seconds=SOON_SECONDS),
            "a run that fails": box.run("broken", seconds=SOON_SECONDS),
            "--status": box.run_job("--status", seconds=SOON_SECONDS),
            "cron-generate": box.cron_generate(seconds=SOON_SECONDS),
            **{
                " ".join(words): box.process_control(*words, seconds=SOON_SECONDS)
                for words in (
                    ["status"],
                    ["check"],
                    ["history"],
                    ["logs", "broken"],
                    ["hold", "fine", "--note", "why"],
                    ["release", "fine"],
                    ["prune"],
                    ["audit"],
                )
            },
        }
        box.job("broken", "command: /bin/true\nhold: {after_failures: 9}")
        box.run("broken", seconds=SOON_SECONDS)
        until(lambda: len(list(mails.iterdir())) == 2, "the mail of the recovery", seconds=SOON_SECONDS)

    codes = {name: result.exit_code for name, result in soon.items()}
    assert codes == {**dict.fromkeys(codes, 0), "a run that fails": 3, "check": 2}, soon
    assert len(ends(box)) == 6
    assert "at work elsewhere" not in soon["prune"].stderr + soon["prune"].stdout


def test_a_reader_sees_runs_that_the_index_does_not_have_yet_and_cannot_open_its_lock(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(service_user=SERVICE_USER, read_group=READERS)
    box.job("fine", "command: /bin/true")
    box.run("fine")
    box.process_control("history")
    box.run("fine")  # not in the index: nobody has looked since

    seen = box.history(user=STRANGER)

    assert len(seen) == 2
    assert not [path.name for path in box.state_directory.glob("history.sqlite*") if path.stat().st_mode & 0o007]
    assert (box.state_directory / "history.sqlite.lock").stat().st_mode & 0o7777 == 0o600

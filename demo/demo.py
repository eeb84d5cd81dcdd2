"""Show process-control at work in a directory of its own: five jobs, what each run reports, and the history.

Touches nothing outside that directory, as root or not. Every command runs on a terminal, so it prints what people see:
on a pseudo-terminal without colours when the output goes to a file or a pipe. Exits non-zero when a job does not end as
it should here.
"""

import os
import pty
import re
import sys
import tempfile
import termios
import textwrap
from pathlib import Path

BIN = Path(sys.executable).parent
CLONE = Path(__file__).resolve().parents[1]
BLANK_LINES = re.compile(rb"(\x1b\[K)?\r*\n((\x1b\[K)?\r*\n){3,}")
ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
#: From the other page of the terminal up to its last frame.
LIVE_SCREEN = re.compile(rb"\x1b\[\?1049h.*\x1b\[H", re.DOTALL)
JOBS = {
    "backup": """
        name: Back up the shop
        description: Copies the day's orders to where they survive the host.
        command: sh -c 'echo "reading orders"; echo "1204 orders, 3.1 MB, copied"'
        schedule: "30 2 * * *"
    """,
    "invoices": """
        name: Send invoices
        description: If the mail server is down, run it again by hand. Never twice after 'sent'.
        command: sh -c 'echo "412 invoices to send"; echo "cannot reach mail.example.org:25" >&2; exit 3'
        schedule: "0 6 * * 1-5"
    """,
    "report": """
        name: Weekly report
        # Starts a child in the background and hangs. Both must end.
        command: sh -c 'echo "collecting"; sleep 600 & sleep 600'
        timeout: 2s
        kill_grace: 1s
        schedule: "@weekly"
    """,
    "nightly": """
        name: The whole night
        # Runs in sequence and stops at the first failure.
        # A sub-job has its own lock, log and history.
        command:
          - echo "the shop is closed"
          - run-job backup
          - sh -c 'sleep 0.5; echo "old carts removed; 17"'
          - echo "good night"
    """,
    "migrate": """
        name: Move customers to the new disk
        command: ./move.sh 10000
        slow_start_command: ./move.sh 10
        retry: {attempts: 3, delay: 1s}
        slow_start: {runs: 1, after: [new, hold]}
        verdicts:
          - {exit_code: 75, verdict: retry}   # the disk is busy
          - {exit_code: 78, verdict: hold}    # the disk is broken
    """,
}
PULSE = """
    name: Is the shop open?
    command: sh -c 'sleep 8; echo "open"'
    schedule: "* * * * *"
"""
UP_SECONDS = 5
MOVE = """\
#!/bin/sh
# Moves customers; what the disk answers is in the file `answers`, one exit code a line.
answer=$(head -n 1 answers); sed -i 1d answers
[ -z "$answer" ] && echo "moved $1 customers" && exit
echo "the disk answers with $answer" >&2
exit "$answer"
"""


def main() -> int:
    home = Path(tempfile.mkdtemp(prefix="process-control-demo-"))
    configuration = write_jobs(home)
    environment = caller_environment(configuration)
    stage = Stage(home, environment)

    stage.say("A job is one YAML file. The job directory has five of them; this is one:")
    stage.show("cat jobs/nightly.yaml")
    stage.show("run-job --list-jobs")

    stage.say("A run that succeeds. Started by cron it would print nothing.")
    stage.show("run-job backup")

    stage.say("A run that fails: first its output (stderr in red), then the reason and the log.")
    stage.show("run-job invoices", exit_code=3)

    stage.say("A run that takes too long: it ends, with every process that it has started.")
    stage.show("run-job report", exit_code=124)

    stage.say("Several commands in sequence. One of them is another job.")
    stage.show("run-job nightly")

    hold_and_release(stage, home)

    stage.say("All jobs, worst first; then every run; then the output of one run with times.")
    stage.show("process-control status")
    stage.show("process-control history")
    stage.show("process-control logs nightly --times")

    without_cron(stage, home)

    stage.say(f"Jobs, logs and state are still in {home}. To try more, paste:")
    print(f"\nexport PATH={BIN}:$PATH\nexport PROCESS_CONTROL_CONFIG={configuration}\nprocess-control --help")
    stage.say("In a browser: install the page; the first line of `up` is its address.")
    print(f"\n{BIN}/pip install --quiet -e '{CLONE}[web]'\nprocess-control up")
    return stage.surprises


def hold_and_release(stage: "Stage", home: Path) -> None:
    answers = home / "answers"
    stage.say("A job that could do harm. Its first run uses the small command (slow start).")
    stage.show("cat jobs/migrate.yaml")
    stage.show("run-job migrate")
    stage.say("It fails for a passing reason, and is tried again within the same run.")
    answers.write_text("75\n")
    stage.show("run-job migrate")
    stage.say("It fails for a lasting reason, and is put on hold: the next start is refused.")
    answers.write_text("78\n")
    stage.show("run-job migrate", exit_code=78)
    stage.show("run-job migrate", exit_code=75)
    stage.say("Released, it runs the small command once, then the full one. The audit log:")
    stage.show("process-control release migrate --note disk-replaced")
    stage.show("run-job migrate")
    stage.show("run-job migrate")
    stage.show("process-control audit migrate")


def without_cron(stage: "Stage", home: Path) -> None:
    write_job(home, "pulse", PULSE)
    stage.say("No cron is needed: `up` starts jobs at their planned times, and shows them live.")
    stage.show("cat jobs/pulse.yaml")
    stage.show(f"process-control up --for {UP_SECONDS}")
    stage.say("The run continues without the scheduler, and is recorded.")
    stage.show("process-control wait pulse")
    stage.say("Every planned time is accounted for:")
    stage.show("process-control slots pulse --since 10m")


def write_jobs(home: Path) -> Path:
    """Write job directory and configuration; return the configuration's path."""
    jobs = home / "jobs"
    jobs.mkdir(mode=0o755)
    for slug, text in JOBS.items():
        write_job(home, slug, text)
    (home / "answers").touch()
    (home / "move.sh").write_text(MOVE)
    (home / "move.sh").chmod(0o755)
    configuration = home / "process-control.yaml"
    configuration.write_text(
        f"job_directory: {jobs}\noutput_directory: {home}/log\nstate_directory: {home}/state\n"
        "output_crontab: console\n"  # as root it would be that of the host
    )
    configuration.chmod(0o644)
    return configuration


def write_job(home: Path, slug: str, text: str) -> None:
    path = home / "jobs" / f"{slug}.yaml"
    text = textwrap.dedent(text).lstrip()
    path.write_text(f"{text}working_directory: {home}\n" if "./" in text else text)
    path.chmod(0o644)


def caller_environment(configuration: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("HOME", "USER", "LANG", "NO_COLOR") if name in os.environ}
    term = os.environ.get("TERM", "dumb")
    return kept | {
        "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin",
        "PAGER": "",
        "TERM": "xterm-256color" if term == "dumb" else term,
        "PROCESS_CONTROL_CONFIG": str(configuration),
    }


class Stage:
    """Shows commands as a person types them, and what they print; in colour only on a terminal."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home = home
        self.environment = environment
        self.plain = "NO_COLOR" in environment or not sys.stdout.isatty()
        self.surprises = 0

    def say(self, text: str) -> None:
        print(f"\n{self._styled(text, '36')}", flush=True)

    def show(self, command: str, *, exit_code: int = 0) -> None:
        print(f"\n{self._styled(f'$ {command}', '1')}", flush=True)
        code = self._run(command.split())
        if code:
            print(self._styled(f"[exit code {code}]", "2"), flush=True)
        if code != exit_code:
            print(self._styled(f"this should have been exit code {exit_code}", "31"), flush=True)
            self.surprises += 1

    def _styled(self, text: str, style: str) -> str:
        return text if self.plain else f"\x1b[{style}m{text}\x1b[0m"

    def _run(self, words: list[str]) -> int:
        has_terminal = sys.stdout.isatty()
        pid, terminal = (os.fork(), -1) if has_terminal else pty.fork()
        if pid == 0:
            if not has_terminal:
                termios.tcsetwinsize(0, (40, 140))
            os.chdir(self.home)
            try:
                os.execvpe(words[0], words, self.environment)
            except OSError as error:
                print(f"{words[0]}: {error.strerror}", file=sys.stderr)
                os._exit(127)
        if terminal >= 0:
            copy_terminal(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def copy_terminal(terminal: int) -> None:
    """Print what comes from a terminal until its last process has closed it, without colours."""
    printed = b""
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # EIO: nobody is left
            break
        if not chunk:
            break
        printed += chunk
    os.close(terminal)
    printed = LIVE_SCREEN.sub(b"", printed)  # of a screen that was drawn again and again the last state is kept
    printed = BLANK_LINES.sub(b"\r\n", printed.replace(b"\x1b[?1049l", b"\r\n"))
    sys.stdout.buffer.write(ESCAPES.sub(b"", printed.replace(b"\r\n", b"\n")))
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(1 if main() else 0)

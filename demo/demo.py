"""The product at work, in a directory of its own: five jobs, what each run reports, and what the history tells.

Touches nothing outside that directory, as root or not. Everything runs on a terminal (a pseudo-terminal when the
output goes elsewhere), so the colours are those that people see. Ends non-zero when a job did not end as told here.
"""

import os
import pty
import sys
import tempfile
import termios
import textwrap
from pathlib import Path

BIN = Path(sys.executable).parent
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
        # Starts a child in the background, and hangs. Both have to go.
        command: sh -c 'echo "collecting"; sleep 600 & sleep 600'
        timeout: 2s
        kill_grace: 1s
        schedule: "@weekly"
    """,
    "nightly": """
        name: The whole night
        # In sequence, and it stops at the first failure. A sub-job has its own lock, log and history.
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
          - {exit_code: 78, verdict: hold}    # the disk is broken: do no further harm
    """,
}
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

    stage.say("A job is one YAML file. These five are in the job directory:")
    stage.show("cat jobs/nightly.yaml")
    stage.show("run-job --list-jobs")

    stage.say("A run that succeeds. Under cron this one would print nothing at all.")
    stage.show("run-job backup")

    stage.say("A run that fails: stderr in red as it comes, then the verdict with its reason, and where the log is.")
    stage.show("run-job invoices", exit_code=3)

    stage.say("A run that takes too long ends with everything that it has started.")
    stage.show("run-job report", exit_code=124)

    stage.say("Several commands in sequence; one of them is another job.")
    stage.show("run-job nightly")

    hold_and_release(stage, home)

    stage.say("What the history tells of all that: worst first, every run, and the lines of one with their times.")
    stage.show("process-control status")
    stage.show("process-control history")
    stage.show("process-control logs nightly --times")

    stage.say(f"All of it is still there: jobs, logs and state in {home}")
    stage.say(f"Go on with: export PROCESS_CONTROL_CONFIG={configuration} PATH={BIN}:$PATH")
    return stage.surprises


def hold_and_release(stage: "Stage", home: Path) -> None:
    answers = home / "answers"
    stage.say("A job that could do harm: its very first run is a small dose. Then full ones.")
    stage.show("cat jobs/migrate.yaml")
    stage.show("run-job migrate")
    stage.say("A transient failure is tried again, within the same run.")
    answers.write_text("75\n")
    stage.show("run-job migrate")
    stage.say("An unrecoverable one holds the job. It does not run any more, and says why, with the evidence.")
    answers.write_text("78\n")
    stage.show("run-job migrate", exit_code=78)
    stage.show("run-job migrate", exit_code=75)
    stage.say("The way back: released with a note, a small dose, then full runs. The audit log tells exactly that.")
    stage.show("process-control release migrate --note disk-replaced")
    stage.show("run-job migrate")
    stage.show("run-job migrate")
    stage.show("process-control audit migrate")


def write_jobs(home: Path) -> Path:
    """Write job directory and configuration; return the configuration's path."""
    jobs = home / "jobs"
    jobs.mkdir(mode=0o755)
    for slug, text in JOBS.items():
        path = jobs / f"{slug}.yaml"
        text = textwrap.dedent(text).lstrip()
        path.write_text(f"{text}working_directory: {home}\n" if "./" in text else text)
        path.chmod(0o644)
    (home / "answers").touch()
    (home / "move.sh").write_text(MOVE)
    (home / "move.sh").chmod(0o755)
    configuration = home / "process-control.yaml"
    configuration.write_text(f"job_directory: {jobs}\noutput_directory: {home}/log\nstate_directory: {home}/state\n")
    configuration.chmod(0o644)
    return configuration


def caller_environment(configuration: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("HOME", "USER", "LANG", "NO_COLOR", "COLUMNS") if name in os.environ}
    term = os.environ.get("TERM", "dumb")
    return kept | {
        "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin",
        "PAGER": "",
        "TERM": "xterm-256color" if term == "dumb" else term,
        "PROCESS_CONTROL_CONFIG": str(configuration),
    }


class Stage:
    """Shows commands as a person would type them, with what they print."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home = home
        self.environment = environment
        self.plain = "NO_COLOR" in environment
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
        pid, terminal = pty.fork() if not sys.stdout.isatty() else (os.fork(), -1)
        if pid == 0:
            if terminal >= 0:
                termios.tcsetwinsize(0, (40, 120))
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
    """Print what comes from a terminal until its last process has closed it."""
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # EIO: nobody is left
            break
        if not chunk:
            break
        sys.stdout.buffer.write(chunk.replace(b"\r\n", b"\n"))
        sys.stdout.flush()
    os.close(terminal)


if __name__ == "__main__":
    raise SystemExit(1 if main() else 0)

"""The documentation tells the truth: its YAML loads, its commands run and print what is shown, its links lead on.

In a page, ```console blocks are run in order, in one box a page, on a terminal: `$ command`, then what it prints; a
line `...` stands for any lines. A ```yaml block that begins with a comment `# ~/PATH` is written there first; a job
that is wrong on purpose is ```yaml wrong. A page with `<!-- as root -->` is followed by root, others by somebody else;
one with `<!-- other hosts: … -->` has an `ssh` that answers for them; tests/fleet follows one with
`<!-- with the fleet -->`. Commands that a test cannot run are in ```sh blocks, below `<!-- not run: why -->`. Run ids,
times, the reader's home and the place of the installation may differ. `PROCESS_CONTROL_DOCS=write` writes what was
printed into the pages; read the difference before it is kept.
"""

import os
import pwd
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kit.harness import IS_ROOT, PROJECT, SERVICE_USER, Box, Result
from kit.other_hosts import FakeSsh
from process_control.cli.exit_codes import RUN_JOB_CODES
from process_control.core.facts import OUTCOMES, REASONS, SKIP_REASONS
from process_control.core.job_state import WORST_FIRST

PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("contrib/*.md"), *PROJECT.glob("docs/**/*.md")])
WRITING = os.environ.get("PROCESS_CONTROL_DOCS") == "write"
HOME = "/home/ann"  # the reader of the pages
CONFIGURATION = "~/.config/process-control/process-control.yaml"

AS_ROOT = "<!-- as root -->"
OTHER_HOSTS = "<!-- other hosts: "
#: A page that needs a server: tests/fleet follows it.
WITH_FLEET = "<!-- with the fleet -->"

FENCE = re.compile(r"^```([\w ]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"<!-- not run: .+ -->\n\Z")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    start: int
    line: int
    not_run: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A command as it is shown, and what it prints there."""

    command: str
    shown: str


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for match in FENCE.finditer(text):
        before = text[: match.start()]
        yield Block(match[1], match[2], match.start(2), before.count("\n") + 1, bool(NOT_RUN.search(before)))


def steps(block: Block) -> list[Step]:
    """Return the commands of a console block; a line ending in a backslash goes on with `> `."""
    found = []
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        while command.endswith("\\"):
            more, _, shown = shown.partition("\n")
            command = f"{command[:-1]}{more.removeprefix('> ')}"
        found.append(Step(command, shown))
    return found


def short(page: Path) -> str:
    return str(page.relative_to(PROJECT))


def has_commands(page: Path) -> bool:
    return any(block.language == "console" for block in blocks(page))


def is_for_root(page: Path) -> bool:
    return AS_ROOT in page.read_text()


def pages_with_commands() -> list[object]:
    pages = [page for page in PAGES if has_commands(page) and WITH_FLEET not in page.read_text()]
    return [pytest.param(page, marks=pytest.mark.needs_root) if is_for_root(page) else page for page in pages]


# --- what may differ -------------------------------------------------------------------------------------------------

WEEKDAY = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
ESCAPES = r"\x1b\[[0-9;?]*[A-Za-z]"
MAY_DIFFER = [
    (r"\d{8}-\d{6}-[0-9a-hjkmnp-tv-z]{16}", "TIME-RUN"),
    (r"\b[0-9a-hjkmnp-tv-z]{16}\b", "RUN"),
    (r"\b[0-9a-hjkmnp-tv-z]{8}…", "RUN…"),
    (rf"{WEEKDAY} (\d+ [A-Z][a-z]{{2}} )?\d\d:\d\d:\d\d", "TIME"),
    (rf"{WEEKDAY} \d\d [A-Z][a-z]{{2}} \d{{4}} \d\d:\d\d", "TIME"),
    (rf"({WEEKDAY} )?\d{{4}}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?( ?(Z|UTC|[+-]\d\d:?\d\d))?", "TIME"),
    (rf"{WEEKDAY} \d+ [A-Z][a-z]{{2}} \d\d:\d\d( [A-Z]{{2,4}})?", "TIME"),
    (rf"\bin \d+ (h|min|s|d)\b|({WEEKDAY}|yesterday|today|tomorrow) \d\d:\d\d\b", "WHEN"),
    (r"\b\d\d:\d\d:\d\d(\.\d+)?\b", "TIME"),
    (r"\bjust now\b|\b\d+ (s|min|h) ago\b", "AGO"),
    (r"\b(in )?\d+(\.\d+)? (h|min|s|ms|d)( \d+ (min|s|h))*\b", "SPAN"),
    (r"\b\d+(\.\d+)? (bytes|KiB|MiB|kB|MB)\b", "SIZE"),
    (r"=\d+\.\d+s;", "=SPAN;"),
    (r"\bpid \d+", "pid N"),
    (r"[ \t]+", " "),
]


def comparable(text: str) -> list[str]:
    for pattern, replacement in MAY_DIFFER:
        text = re.sub(pattern, replacement, text)
    return [line.strip() for line in text.strip().splitlines()]


def fits(shown: list[str], printed: list[str]) -> bool:
    """Whether `printed` is what is shown, a line `...` standing for any number of lines."""
    if not shown:
        return not printed
    if shown[0] == "...":
        return any(fits(shown[1:], printed[skipped:]) for skipped in range(len(printed) + 1))
    return bool(printed) and shown[0] == printed[0] and fits(shown[1:], printed[1:])


# --- the reader ------------------------------------------------------------------------------------------------------


class Reader:
    """Somebody who follows a page from its top, on a host where nothing is configured."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.home = box.root / "home"
        self.home.mkdir(exist_ok=True)

    def write(self, path: str, text: str) -> None:
        target = self.home / path.removeprefix("~/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.replace(HOME, str(self.home)))
        target.chmod(0o644)
        self.box.give(self.home, self.box.service_user)

    def run(self, command: str) -> Result:
        """Return what the command prints on a terminal."""
        environment = {"HOME": str(self.home), "TERM": "xterm"}
        return self.box.command(["sh", "-c", command], tty=True, columns=100, cwd=self.home, env=environment)

    def as_seen(self, printed: str) -> str:
        """Return what was printed as if home, name and installation were those of the page."""
        product = self.box.product
        printed = re.sub(ESCAPES, "", printed)
        for here, there in (
            (str(self.home), HOME),
            (str(product.site_packages), "/opt/process-control/lib/python3.11/site-packages"),
            (" ".join(product.python), "/usr/bin/python3.11"),
            (product.interpreter, "/usr/bin/python3.11"),
        ):
            printed = printed.replace(here, there)
        printed = re.sub(rf"@{re.escape(os.uname().nodename)}\b", "@db1", printed)
        name = self.box.service_user or pwd.getpwuid(os.getuid()).pw_name
        return printed if name == "root" else re.sub(rf"\b{re.escape(name)}\b", "ann", printed)

    def have_other_hosts(self) -> None:
        """Put an ssh first on PATH: web1 and web2 answer as this host does, web3 refuses the key."""
        ssh = FakeSsh(self.box.root / "ssh")
        for host in ("web1", "web2"):
            ssh.does(host, f'PATH={self.box.product.prefix}/bin:/usr/bin:/bin exec sh -c "$1"\n')
        ssh.says("web3", "", talk="web3: Permission denied (publickey).\n", code=255)
        self.box.environment |= {
            **ssh.environment,
            "PATH": f"{ssh.root}/bin:{self.box.product.prefix}/bin:/usr/bin:/bin",
        }
        self.box.give(ssh.root, self.box.service_user)

    def live_where_sub_jobs_look(self) -> None:
        """Name the configuration: a sub-job looks in the home of the password file, and this reader lives elsewhere."""
        places = {
            "job_directory": self.box.job_directory,
            "output_directory": self.box.output_directory,
            "state_directory": self.box.state_directory,
        }
        self.write(CONFIGURATION, "".join(f"{key}: {place}\n" for key, place in places.items()))
        self.box.environment["PROCESS_CONTROL_CONFIG"] = str(self.home / CONFIGURATION.removeprefix("~/"))


def follow(page: Path, reader: Reader) -> list[str]:
    """Do what the page says; return what was not as shown. When `WRITING`, put what was printed into the page."""
    faults, text = [], page.read_text()
    for block in blocks(page):
        if block.language.startswith("yaml") and (path := re.match(r"# (~/\S+)\n", block.text)):
            reader.write(path[1], block.text)
        if block.language != "console":
            continue
        for step in steps(block):
            printed = reader.as_seen(reader.run(step.command).stdout)
            if not fits(comparable(step.shown), comparable(printed)):
                faults.append(f"{short(page)}:{block.line}: $ {step.command}\n{printed}--- shown:\n{step.shown}")
                old = f"$ {step.command}\n{step.shown}"
                text = text.replace(old, f"$ {step.command}\n{_presentable(printed)}")
    if WRITING:
        page.write_text(text)
    return faults


def _presentable(printed: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in printed.splitlines())


# --- the promises ----------------------------------------------------------------------------------------------------


@pytest.mark.needs_utc
@pytest.mark.parametrize("page", pages_with_commands(), ids=short)
def test_the_commands_of_a_page_print_what_is_shown(page: Path, make_box: Callable[..., Box]) -> None:
    reader = Reader(make_box(configured=False, user=SERVICE_USER if IS_ROOT and not is_for_root(page) else None))
    if OTHER_HOSTS in page.read_text():
        reader.have_other_hosts()
    if any("  - run-job " in block.text and block.text.startswith("# ~/.config") for block in blocks(page)):
        reader.live_where_sub_jobs_look()

    faults = follow(page, reader)

    assert not faults, "\n\n".join(faults)


@pytest.mark.needs_root
def test_the_first_example_of_the_readme_works_for_root_too(make_box: Callable[..., Box]) -> None:
    reader = Reader(make_box(configured=False))
    readme = PROJECT / "README.md"

    done = [
        reader.run(step.command) for block in blocks(readme) if block.language == "console" for step in steps(block)
    ]

    assert [result.exit_code for result in done] == [0, 0], "\n".join(map(str, done))
    assert [run["outcome"] for run in reader.box.history()] == ["succeeded"]


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_every_command_shown_is_run_or_says_why_not(page: Path) -> None:
    not_explained = [
        f"{short(page)}:{block.line}" for block in blocks(page) if block.language == "sh" and not block.not_run
    ]
    untagged = [f"{short(page)}:{block.line}" for block in blocks(page) if not block.language]

    assert not not_explained, f"make it a console block, or say <!-- not run: why -->: {not_explained}"
    assert not untagged, f"console, sh, yaml, text, …?: {untagged}"


@pytest.mark.needs_utc
@pytest.mark.parametrize("page", [page for page in PAGES if "```yaml" in page.read_text()], ids=short)
def test_every_yaml_example_loads(page: Path, box: Box) -> None:
    for block in [block for block in blocks(page) if block.language == "yaml"]:
        if is_configuration(block.text):
            result = load_configuration(box, block.text)
        else:
            # Outside of the job directory: the programs of an example are on no host.
            example = box.root / "example.yaml"
            example.write_text(whole_job(block.text))
            result = box.process_control("lint", str(example))

        assert result.exit_code == 0, f"{short(page)}:{block.line}\n{block.text}\n{result}"


def is_configuration(text: str) -> bool:
    return re.match(r"# \S*process-control\.yaml\n", text) is not None or "job_directory:" in text


def load_configuration(box: Box, text: str) -> Result:
    """Try a configuration with the directories of the box instead of its own."""
    keys = r"^(job_directory|output_directory|state_directory|run_directory|output_crontab|user):.*\n"
    own = box.configuration.read_text()
    if "syslog:" in text:
        box.configure(syslog=None)
    box.configuration.write_text(box.configuration.read_text() + re.sub(keys, "", text, flags=re.MULTILINE))
    try:
        return box.process_control("list")
    finally:
        if "pools:" not in text:  # the jobs below name them
            box.configuration.write_text(own)


def whole_job(text: str) -> str:
    """Return a fragment as a job: what every job needs is added when it is missing."""
    keys = {line.partition(":")[0] for line in text.splitlines()}
    needed = [("name", "Example"), ("command", "/bin/true")]
    if "catch_up" in keys:
        needed.append(("schedule", '"@daily"'))
    return "".join(f"{key}: {value}\n" for key, value in needed if key not in keys) + (
        text if text.endswith("\n") else f"{text}\n"
    )


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in headings(file)):
            broken.append(target)

    assert not broken, f"{short(page)}: {broken}"


def headings(page: Path) -> set[str]:
    """Return the anchors that GitHub and others make of the headings."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_index_leads_to_every_page_of_the_documentation() -> None:
    index = PROJECT / "docs" / "README.md"

    led_to = {(index.parent / target).resolve() for target in re.findall(r"\]\(([^)#\s]+)\)", index.read_text())}

    assert sorted(short(page) for page in (PROJECT / "docs").glob("**/*.md") if page not in {*led_to, index}) == []


def test_the_page_of_states_explains_every_state_outcome_reason_and_exit_code() -> None:
    page = (PROJECT / "docs" / "reference" / "states.md").read_text()
    words = {*WORST_FIRST, *OUTCOMES, *REASONS, *SKIP_REASONS}
    codes = {code for code, _, _ in RUN_JOB_CODES if code}
    explained = {
        word
        for cells in re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE)
        for word in re.findall(r"\w[\w ]*\w|\d", cells)
    }

    assert sorted((words | codes) - explained) == []


def test_the_readme_fits_on_one_screen() -> None:
    lines = (PROJECT / "README.md").read_text().splitlines()

    assert len(lines) <= 75
    assert max(len(line) for line in lines) <= 120


def test_the_readme_offers_demo_and_test() -> None:
    text = (PROJECT / "README.md").read_text()

    assert "make demo" in text
    assert "make test" in text


def test_make_help_names_every_target(product: object) -> None:
    told = subprocess.run(["make", "--silent", "help"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout

    assert [word for word in ("demo", "test", "lint", "bench", "faults", "clean") if f"make {word} " not in told] == []

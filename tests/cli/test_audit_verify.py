"""`audit --verify`: what `watch` has sealed in the syslog is held against the journal, and any change is named."""

import gzip
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kit.commands import Result
from kit.desk import Desk
from kit.harness import SERVICE_USER, Box, Product
from kit.syslog_listener import Listener
from process_control.core.seals import Seal, seal_in, seals_of
from process_control.history.compressed_day import compress
from process_control.history.day_content import digests
from process_control.state.watch_memory import read_memory

HOST = os.uname().nodename


@dataclass
class Syslog:
    """A syslog daemon, which keeps what it gets in a file."""

    listener: Listener
    file: Path
    hours: Iterator[int] = field(default_factory=lambda: iter(range(1, 24)))

    def look(self, box: Box, *, in_next_hour: bool = True) -> list[str]:
        """Have `watch` take a look; return the seals that it sends."""
        memory = box.state_directory / "watched.json"
        if in_next_hour and memory.exists():
            value = json.loads(memory.read_text())
            memory.write_text(json.dumps({**value, "sealed_at": "2026-01-01T00:00:00.000Z"}))
        before = len(self.listener.lines())
        assert box.process_control("watch").exit_code == 0
        lines = self.listener.lines()[before:]
        at = f"Nov 28 {next(self.hours):02}:00:01"
        with open(self.file, "a") as file:
            file.writelines(f"{at} {HOST} {line.tag}[{line.pid}]: {line.text}\n" for line in lines)
        return [line.text for line in lines if line.text.startswith("sealed ")]


@dataclass(frozen=True)
class Story:
    """What three hours left, with a run and a seal in each: the state, and what the syslog daemon wrote."""

    state: Path
    was_at: str
    syslog: str


@pytest.fixture(scope="module")
def story(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Story:
    box = Box.configured(product)
    copy = tmp_path_factory.mktemp("story") / "state"
    try:
        box.job("job", "name: x\ncommand: 'true'\n")
        with Listener(box.root / "syslog") as listener:
            box.configure(syslog={"address": str(listener.path)})
            syslog = Syslog(listener, box.root / "syslog.log")
            for _ in range(3):
                box.run("job")
                syslog.look(box)
        box.process_control("history")
        shutil.copytree(box.state_directory, copy)
        return Story(copy, str(box.state_directory), syslog.file.read_text())
    finally:
        box.close()


@dataclass
class Sealed:
    """A copy of the story, to be changed."""

    desk: Desk
    state: Path

    @property
    def syslog(self) -> Path:
        return self.desk.root / "syslog.log"

    @property
    def day(self) -> Path:
        [day] = (self.state / "journal").glob("*.jsonl")
        return day

    def verify(self, *flags: str, seals: Path | None = None) -> Result:
        return self.desk.process_control("audit", "--verify", "--seals", str(seals or self.syslog), *flags)

    def lines(self) -> list[str]:
        return self.day.read_text().split("\n")

    def rewrite(self, lines: list[str]) -> None:
        """Change the journal as somebody does who knows what an inode is."""
        status = self.day.stat()
        with open(self.day, "r+") as file:
            file.write("\n".join(lines))
            file.truncate()
        os.utime(self.day, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.fixture
def sealed(story: Story, desk: Desk) -> Sealed:
    state = desk.root / "sealed"
    shutil.copytree(story.state, state)
    desk.configure(state_directory=str(state))
    sealed = Sealed(desk, state)
    sealed.syslog.write_text(story.syslog.replace(story.was_at, str(state)))
    return sealed


def run_of(line: str) -> str:
    return str(json.loads(line)["run_id"])


# --- the seals -------------------------------------------------------------------------------------------------------


def test_one_look_in_an_hour_seals_what_has_grown(box: Box) -> None:
    box.job("job", "name: x\ncommand: 'true'\n")
    with Listener(box.root / "syslog") as listener:
        box.configure(syslog={"address": str(listener.path)})
        syslog = Syslog(listener, box.root / "syslog.log")
        box.run("job")
        [first] = syslog.look(box)
        [day] = (box.state_directory / "journal").glob("*.jsonl")
        content = day.read_bytes()
        of_this_hour, unchanged = syslog.look(box, in_next_hour=False), syslog.look(box)
        box.run("job")
        [second] = syslog.look(box)

    whole = day.read_bytes()
    assert first == f"sealed {day} {len(content)} {hashlib.sha256(content).hexdigest()}"
    assert (of_this_hour, unchanged) == ([], [])
    assert second == f"sealed {day} {len(whole)} {hashlib.sha256(whole).hexdigest()}"


def test_without_a_syslog_nothing_is_sealed(box: Box) -> None:
    box.job("job", "name: x\ncommand: 'true'\n")
    box.run("job")

    assert box.process_control("watch").exit_code == 0

    assert read_memory(str(box.state_directory)).sealed_at == ""


def test_the_memory_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    (tmp_path / "watched.json").write_text('{"at": "x", "stamp": "y", "jobs": {}, "claims": ["a"]}')

    memory = read_memory(str(tmp_path))

    assert (memory.at, memory.claims, memory.sealed_at, memory.sealed) == ("x", ["a"], "", {})


# --- what holds ------------------------------------------------------------------------------------------------------


def test_an_unchanged_journal_holds_and_what_came_later_is_fine(sealed: Sealed) -> None:
    with open(sealed.day, "a") as file:
        file.write('\n{"event":"gap","at":"2026-11-28T23:00:00.000Z"}')

    result = sealed.verify()

    assert (result.stdout, result.stderr, result.exit_code) == ("3 seals over 1 file hold\n", "", 0)


def test_a_compressed_day_holds_too_and_so_does_a_half_done_compression(sealed: Sealed) -> None:
    content = sealed.day.read_bytes()
    day = sealed.day
    compress(str(day))

    assert not day.exists()
    assert sealed.verify().exit_code == 0
    day.write_bytes(content)  # as after a kill before the plain file was removed
    assert sealed.verify().exit_code == 0
    day.write_bytes(b'\n{"event":"gap"}')  # the clock was set back
    assert sealed.verify().exit_code == 0
    day.unlink()


def test_a_rotated_and_compressed_syslog_is_read_with_other_times(sealed: Sealed) -> None:
    lines = re.sub(r"^Nov 28 (\S+)", r"2026-11-28T\1.123456+01:00", sealed.syslog.read_text(), flags=re.MULTILINE)
    packed = sealed.desk.root / "syslog.2.gz"
    packed.write_bytes(gzip.compress(lines.encode()))

    result = sealed.verify(seals=packed)

    assert (result.stdout, result.exit_code) == ("3 seals over 1 file hold\n", 0)


def test_a_day_that_retention_removed_is_said(sealed: Sealed) -> None:
    path = sealed.day.with_name("2020-02-29.jsonl")
    with open(sealed.syslog, "a") as file:
        file.write(f"Mar  1 00:00:01 {HOST} process-control[7]: sealed {path} 300 {'0' * 64}\n")

    result = sealed.verify()

    assert (result.stdout, result.exit_code) == ("3 seals over 1 file hold\n", 0)
    assert result.stderr == "not verified: 1 day that retention has removed, 2020-02-29\n"


# --- what does not ---------------------------------------------------------------------------------------------------


def test_a_changed_value_is_named_with_its_hour_line_and_column(sealed: Sealed) -> None:
    lines = sealed.lines()
    second = next(number for number, line in reversed(list(enumerate(lines))) if '"event":"end"' in line) - 2
    assert '"event":"end"' in lines[second]
    sizes = [seal.size_bytes for line in sealed.syslog.read_text().split("\n") if (seal := seal_in(line))]
    changed = lines[second].replace('"outcome":"succeeded"', '"outcome":"succeedee"')
    assert changed != lines[second]
    sealed.rewrite([*lines[:second], changed, *lines[second + 1 :]])

    result = sealed.verify()

    assert result.exit_code == 1
    part = f"{sealed.day}: bytes {sizes[0]:,} to {sizes[1]:,}"
    assert result.stdout.splitlines() == [
        f"{part} are not those sealed Nov 28 02:00:01: it has other bytes now",
        f"  line {second + 1}: end of job, run {run_of(changed)}: the index has another outcome, attempts",
        "2 of 3 seals over 1 file do not hold",
    ]


def test_a_deleted_run_is_missing(sealed: Sealed) -> None:
    lines = sealed.lines()
    run_id = run_of(next(line for line in lines if '"event":"start"' in line))
    sealed.rewrite([line for line in lines if run_id not in line])

    result = sealed.verify()

    assert result.exit_code == 1
    assert f"  missing: run {run_id} of job, " in result.stdout
    assert "are not those sealed Nov 28 01:00:01" in result.stdout


def test_a_deleted_event_is_missing_and_a_forged_one_is_not_in_the_index(sealed: Sealed) -> None:
    lines = sealed.lines()
    version = next(number for number, line in enumerate(lines) if '"event":"version"' in line)
    forged = lines[version].replace('"by":"', '"by":"x')
    sealed.rewrite([*lines[:version], forged, *lines[version + 1 :]])

    result = sealed.verify()

    assert f"  line {version + 1}: version of job: the index has no such line\n" in result.stdout
    assert re.search(r"^  missing: version of job, \d{4}-", result.stdout, re.MULTILINE)


def test_a_truncated_day_is_named(sealed: Sealed) -> None:
    sealed.rewrite(sealed.lines()[:-2])

    result = sealed.verify()

    size = sealed.day.stat().st_size
    assert f"are not those sealed Nov 28 03:00:01: it has only {size:,} bytes now" in result.stdout
    assert "missing: run " in result.stdout
    assert "1 of 3 seals over 1 file does not hold" in result.stdout


def test_a_day_that_is_gone_too_early_is_named(sealed: Sealed) -> None:
    day = sealed.day
    day.rename(day.with_suffix(".away"))

    result = sealed.verify()

    assert result.stdout.splitlines()[0].endswith(": the day is gone, though retention.days keeps 90")
    assert result.exit_code == 1
    day.with_suffix(".away").rename(day)


def test_when_the_index_was_made_again_that_is_said(sealed: Sealed) -> None:
    new = sealed.day.with_name("new")
    new.write_text(sealed.day.read_text().replace('"exit_code":0', '"exit_code":9'))
    new.rename(sealed.day)
    sealed.desk.process_control("history")

    result = sealed.verify()

    assert "  the index has no other line: it keeps no attempts, or was made again since\n" in result.stdout
    assert result.exit_code == 1


# --- no seals, wrong words -------------------------------------------------------------------------------------------


def test_without_seals_it_is_said_how_to_get_them(sealed: Sealed) -> None:
    empty = sealed.desk.root / "empty"
    empty.touch()

    result = sealed.verify(seals=empty)

    assert (result.stdout, result.exit_code) == ("", 1)
    assert result.stderr == (
        f"no seals found in {empty}\n"
        "  hint: `process-control watch` seals once an hour; name the file that the syslog writes: --seals FILE\n"
    )


def test_seals_of_another_journal_do_not_count(sealed: Sealed) -> None:
    other = sealed.desk.root / "other.log"
    other.write_text(f"Nov 28 01:00:01 {HOST} process-control[7]: sealed /srv/journal/2026-11-28.jsonl 3 {'0' * 64}\n")

    result = sealed.verify(seals=other)

    assert result.exit_code == 1
    assert "is of the journal of" in result.stderr
    assert "hint: there are seals of /srv/journal, or of other hosts" in result.stderr


def test_a_file_that_is_not_there_is_an_error(sealed: Sealed) -> None:
    result = sealed.verify(seals=Path("/nowhere"))

    assert (result.stderr, result.exit_code) == ("/nowhere: cannot be read: No such file or directory\n", 74)


def test_seals_of_other_hosts_do_not_count(sealed: Sealed) -> None:
    other = sealed.desk.root / "other.log"
    other.write_text(sealed.syslog.read_text().replace(f" {HOST} ", " elsewhere.lan "))

    result = sealed.verify(seals=other)

    what = f"none of the seals in {other} is of this host ({HOST})\n  hint: they are of elsewhere.lan\n"
    assert (result.stdout, result.stderr, result.exit_code) == ("", what, 1)


@pytest.mark.parametrize(
    "flags", [["--seals", "x"], ["--verify", "--seals", ""], ["--verify", "job"], ["--verify", "--since", "1d"]]
)
def test_flags_that_do_not_go_together_are_refused(desk: Desk, flags: list[str]) -> None:
    assert desk.process_control("audit", *flags).exit_code == 2


# --- pure ------------------------------------------------------------------------------------------------------------


def test_digests_are_those_of_each_beginning_whatever_the_blocks_are() -> None:
    content = bytes(range(256)) * 5
    blocks = [content[:100], b"", content[100:101], content[101:]]
    sizes = (1, 100, 101, 777, len(content))

    found = digests(blocks, (*sizes, len(content) + 1))

    assert found == {size: hashlib.sha256(content[:size]).hexdigest() for size in sizes}


def test_of_a_log_host_only_the_lines_of_this_host_count() -> None:
    seals = [Seal("/j/2026-11-28.jsonl", size, "0" * 64, at="x", host=host) for size, host in ((1, "a.lan"), (2, "b"))]

    assert [seal.size_bytes for seal in seals_of(seals, "/j", "A")] == [1]
    assert seals_of(seals[1:], "/j", "a") == []
    assert seals_of(seals, "/k", "a") == []


@pytest.mark.parametrize(
    ("before", "at", "host"),
    [
        ("Nov 28 16:00:01 db1 ", "Nov 28 16:00:01", "db1"),
        ("2026-11-28T16:00:01+00:00 db1 ", "2026-11-28T16:00:01+00:00", "db1"),
        ("<134>Nov 28 16:00:01 db1 ", "Nov 28 16:00:01", "db1"),
        ("", "", ""),
    ],
    ids=["rsyslog", "iso", "raw", "bare"],
)
def test_lines_of_several_daemons_are_read(before: str, at: str, host: str) -> None:
    found = seal_in(f"{before}process-control[7]: sealed /a b/2026-11-28.jsonl 12 {'a' * 64}\n")

    assert found is not None
    assert (found.size_bytes, found.sha256, found.at, found.host) == (12, "a" * 64, at, host)


@pytest.mark.parametrize("line", ["", "x process-control[7]: sealed /j 12 abc", "process-control[7]: backup: started"])
def test_other_lines_are_no_seals(line: str) -> None:
    assert seal_in(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "process-control[7]: sealed /" + " 1" * (32 << 10),
        " a" * (32 << 10) + " process-control[7]: sealed /",
        "x process-control[7]: sealed / " * 260,
        " " * 8000 + "process-control[7]: sealed /x",
        "a b c " * 1300,
    ],
    ids=["long tail", "long head", "many tags", "spaces", "no tag"],
)
def test_a_line_made_to_take_long_is_passed_over(line: str) -> None:
    """With a quadratic search this file of 200 lines takes minutes, and the test ends by its time limit."""
    assert [seal_in(line) for _ in range(200)] == [None] * 200


@pytest.mark.needs_root
def test_root_reads_the_seals_and_the_service_user_the_journal(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("job", "name: x\ncommand: 'true'\n")
    with Listener(box.root / "syslog") as listener:
        box.configure(syslog={"address": str(listener.path)})
        syslog = Syslog(listener, box.root / "syslog.log")
        box.run("job")
        syslog.look(box)
    syslog.file.chmod(0o600)

    result = box.process_control("audit", "--verify", "--seals", str(syslog.file))

    assert (result.stdout, result.stderr, result.exit_code) == ("1 seal over 1 file holds\n", "", 0)

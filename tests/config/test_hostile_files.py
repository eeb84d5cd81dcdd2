"""A hundred thousand job files that somebody broke: each is a job or a list of faults, at once and in little memory.

They are made of real ones, by what hands, editors, merges and attackers do to files. Time is CPU time of this process,
memory the peak of it, which the kernel is asked to forget before each file.
"""

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from config.test_document import BOMBS, KILOBYTES_ALLOWED, MILLISECONDS_ALLOWED
from kit.harness import PROJECT, Box, Storm
from kit.processor_time import least_milliseconds
from process_control.config.job_file import read_job
from process_control.config.yaml.document import without_tabs
from process_control.errors import BadConfiguration

WORDS = [
    *(b"name", b"command", b"schedule", b"timeout", b"environment", b"limits", b"verdicts", b"retry", b"hold", b"<<"),
    *(b": ", b":", b"\n", b"\n  ", b"\n\t", b"- ", b"[", b"]", b"{", b"}", b"? ", b"|\n", b">-\n", b"#", b"---\n"),
    *(b"'", b'"', b"\\", b"&a ", b"*a", b"!!python/object/apply:os.system ", b"!!binary ", b"%YAML 9.9\n", b"\0"),
    *(
        b"\xff",
        b"\xc3\x28",
        b"\xef\xbb\xbf",
        b"\xe2\x80\xa8",
        b"\x85",
        b"\x1b[2J",
        b"1e400",
        b"0x",
        b"9" * 400,
        b".nan",
    ),
]


def _cut(text: bytes, dice: random.Random) -> bytes:
    return text[: dice.randrange(len(text) + 1)]


def _flip(text: bytes, dice: random.Random) -> bytes:
    damaged = bytearray(text or b" ")
    for _ in range(dice.randint(1, 6)):
        damaged[dice.randrange(len(damaged))] = dice.randrange(256)
    return bytes(damaged)


def _insert(text: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(text) + 1)
    return text[:place] + dice.choice(WORDS) * dice.choice([1, 1, 1, 2, 50]) + text[place:]


def _repeat(text: bytes, dice: random.Random) -> bytes:
    start = dice.randrange(len(text) + 1)
    part = text[start : start + dice.randint(1, 60)]
    return text[:start] + part * dice.choice([2, 3, 200]) + text[start:]


def _remove(text: bytes, dice: random.Random) -> bytes:
    start = dice.randrange(len(text) + 1)
    return text[:start] + text[start + dice.randint(1, 30) :]


def _shuffle_lines(text: bytes, dice: random.Random) -> bytes:
    lines = text.splitlines(keepends=True)
    dice.shuffle(lines)
    return b"".join(lines)


def _indent(text: bytes, dice: random.Random) -> bytes:
    blanks = dice.choice([b" ", b"  ", b"\t", b"\xc2\xa0", b"    " * 40])
    return b"".join((blanks if dice.random() < 0.3 else b"") + line for line in text.splitlines(keepends=True))


def _nest(text: bytes, dice: random.Random) -> bytes:
    opening, closing = dice.choice([(b"[", b"]"), (b"{a: ", b"}"), (b"- ", b""), (b"? ", b"")])
    depth = dice.choice([3, 30, 3000])
    return opening * depth + text[:200] + closing * depth


CHANGES: list[Callable[[bytes, random.Random], bytes]] = [
    *(_cut, _flip, _insert, _repeat, _remove, _shuffle_lines, _indent, _nest),
]


def seeds() -> list[bytes]:
    """Return real job files: the published example, those of the corpus, those that the pages show."""
    found = [path.read_bytes() for path in sorted((PROJECT / "tests/data").rglob("*.yaml"))]
    for page in sorted((PROJECT / "docs").rglob("*.md")):
        blocks = page.read_text().split("```yaml\n")[1:]
        found += [block.partition("```")[0].encode() for block in blocks]
    return [seed for seed in found if len(seed) < 8192]


def forget_the_peak() -> int:
    """Have the kernel count this process's peak of memory anew; return what it has now, in KiB. See proc(5)."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def memory(word: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(word)))


def read_it(source: bytes) -> None:
    try:
        read_job(source, slug="fuzz", path="/fuzz.yaml", default_values={}, log_bytes=1)
        without_tabs(source.decode("utf-8", "replace"))
    except BadConfiguration as error:
        for fault in error.faults:
            if not (fault.what and str(fault).replace("\n  hint: ", "").isprintable()):
                raise AssertionError(f"{source!r}: {fault!r}") from error


@pytest.mark.fault("100,000 fuzzed job files", small=750, full=100_000, wanted="≤ 100 ms and 64 MiB, no traceback")
def test_a_broken_job_file_is_a_job_or_faults_at_once_and_in_little_memory(storm: Storm) -> None:
    dice, files = random.Random(100), seeds()
    slowest, before, source = 0.0, forget_the_peak(), b""
    for _ in storm.rounds():
        source = dice.choice(files)
        for change in dice.choices(CHANGES, k=dice.randint(1, 4)):
            source = change(source[:65536], dice)
        milliseconds = least_milliseconds(partial(read_it, source), allowed=MILLISECONDS_ALLOWED)
        assert milliseconds < MILLISECONDS_ALLOWED, (milliseconds, len(source), source[:2000])
        slowest = max(slowest, milliseconds)
    grown = memory("VmHWM") - before

    assert grown < KILOBYTES_ALLOWED, grown
    storm.found(f"slowest {slowest:.0f} ms, {max(grown, 0) / 1024:.0f} MiB")


@pytest.mark.fault("YAML bombs, depth 60,000, 20 MB", wanted="≤ 100 ms and 64 MiB, no traceback")
@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_bomb_takes_little_memory_at_its_peak(text: str) -> None:
    source = text.encode()
    read_it(b"name: n\ncommand: c\n")
    before = forget_the_peak()

    read_it(source)

    assert memory("VmHWM") - before < KILOBYTES_ALLOWED


@pytest.mark.fault("YAML bombs, depth 60,000, 20 MB", wanted="≤ 100 ms and 64 MiB, no traceback")
def test_whoever_starts_a_bomb_is_told_and_the_other_jobs_are_listed(box: Box, storm: Storm) -> None:
    for number, text in enumerate(BOMBS.values()):
        (box.job_directory / f"bomb-{number}.yaml").write_text(text)
    box.job("sound", "command: 'true'")

    results = [box.run(f"bomb-{number}", via="stub") for number in range(len(BOMBS))]
    listed = box.process_control("list")

    assert {result.exit_code for result in results} == {78}
    for result in results:
        assert "Traceback" not in result.stderr
        assert len(result.stderr) < 20_000, result.stderr[:500]
    assert box.run("sound").exit_code == 0
    assert len(listed.stdout.splitlines()) == len(BOMBS) + 1
    assert "Traceback" not in listed.stderr
    storm.found(f"{len(BOMBS)} bombs told")

"""Claims of planned times without a start in the block, whose process was killed or still waits.

Lean module, loaded only when there is one. A start that claims while another waits would overwrite that claim, so it
moves it to a file beside the block first; a mark after the claim shows that there is such a file. The journal decides
whether anything was recorded for a claim whose process is gone. All of this needs the short lock.
"""

import posix

from process_control.core import layout
from process_control.history import journal_reader
from process_control.state.block import SLOT_BYTES, run_in
from process_control.state.claim import ASIDE, ASIDE_AT, OPEN, Claim, boot_in_short, claim_in, is_started
from process_control.system import atomic_file, proc
from process_control.system.clock import iso
from process_control.system.json_text import encode

NONE_ASIDE = b" " * len(ASIDE)
_MAX_BYTES = 1 << 20


class OpenClaims:
    """The claims of one job without start, skip or refusal. Call all methods with the short lock held."""

    __slots__ = ("_aside", "_boot", "_in_block", "_path", "_state_directory", "forgotten", "slug")

    def __init__(self, state_directory: str, slug: str, content: bytes, *, boot_id: str) -> None:
        self.slug = slug
        self.forgotten: list[Claim] = []
        self._state_directory = state_directory
        self._boot = boot_in_short(boot_id)
        self._path = layout.claims(state_directory, slug)
        in_block = claim_in(content[SLOT_BYTES:ASIDE_AT])
        is_open = in_block is not None and in_block.state == OPEN and not is_started(in_block, run_in(content))
        self._in_block = in_block if is_open else None
        self._aside = self._read() if content.startswith(ASIDE, ASIDE_AT) else []

    def sort(self) -> None:
        """Find the claims whose processes were killed before anything was recorded; those of living ones stay."""
        living: list[Claim] = []
        for claim in self._all():
            if any(_is_the_same(claim, other) for other in (*living, *self.forgotten)):
                continue
            if claim.boot == self._boot and proc.is_alive(claim.pid, claim.pid_start):
                living.append(claim)
            elif self.is_forgotten(claim):
                self.forgotten.append(claim)
        self._aside = living

    def _all(self) -> list[Claim]:
        return self._aside if self._in_block is None else [*self._aside, self._in_block]

    def living(self, slot: int) -> Claim | None:
        """Return the claim of a living process for this slot, which has no run or skip yet. Call `sort` first."""
        return next((claim for claim in self._aside if claim.slot == slot), None)

    def add(self, claim: Claim) -> None:
        """Add a claim to the file beside the block; `keep` writes it."""
        self._aside.append(claim)

    def of_process(self, pid: int) -> Claim | None:
        """Return the open claim of this process, of this boot."""
        return next((claim for claim in self._all() if claim.pid == pid and claim.boot == self._boot), None)

    def of_the_living(self) -> list[Claim]:
        """Return the claims whose processes live: these starts wait, or are about to start."""
        return [
            claim for claim in self._all() if claim.boot == self._boot and proc.is_alive(claim.pid, claim.pid_start)
        ]

    def drop(self, pid: int) -> None:
        """Remove this process's claim from the file beside the block; `keep` writes it."""
        self._aside = [claim for claim in self._aside if claim.pid != pid]

    def keep(self) -> bytes:
        """Write the file of claims, or remove an empty one; return the mark for the block.

        A full disk must not stop a start. Then a waiting start is not reported if it is killed too.
        """
        try:
            if not self._aside:
                posix.unlink(self._path)
                return NONE_ASIDE
            lines = b"".join([claim.line() for claim in self._aside])
            atomic_file.write_unsynced(self._path, lines, mode=0o600)
        except OSError:
            return NONE_ASIDE
        return ASIDE

    def is_forgotten(self, claim: Claim) -> bool:
        """Return whether the journal has at most that the claim waits; for an earlier boot it must have that."""
        begin = iso(claim.slot)
        needle, waited = f'"job":{encode(self.slug)}', False
        not_before = iso(claim.slot - journal_reader.MARGIN_SECONDS)
        for record in journal_reader.backwards(
            self._state_directory, since=begin, needle=needle, not_before=not_before
        ):
            if record.get("job") != self.slug or record.get("scheduled_at") != begin:
                continue
            if record["event"] == "waiting":
                waited = True
            elif record["event"] != "refusal":  # a refusal is of an earlier try: its own would have ended the claim
                return False
        return waited or claim.boot == self._boot

    def _read(self) -> list[Claim]:
        text = proc.read_small(self._path, _MAX_BYTES)
        claims = [claim_in(line) for line in text.splitlines()]
        return [claim for claim in claims if claim is not None]


def _is_the_same(one: Claim, other: Claim) -> bool:
    return (one.slot, one.pid, one.pid_start) == (other.slot, other.pid, other.pid_start)

"""What `import crontab` prints: each entry with its line, what was written otherwise, and what was left out."""

import time
from collections.abc import Sequence
from typing import Any

from process_control.actions.adopt import ADOPTED, COMPLETED
from process_control.actions.import_crontab import (
    KEPT,
    LEFT_OUT,
    SAME,
    WOULD_WRITE,
    WROTE,
    Entry,
    Imported,
)
from process_control.actions.line_exchange import Exchanged
from process_control.actions.undo_adoption import DISABLED, REMOVED, UNDONE
from process_control.cli.print.error_output import fault_as_json, print_in_lines
from process_control.cli.print.output import print_json, print_line, talk
from process_control.crontab.prove import Proof
from process_control.notify.message import escape_controls
from process_control.system.clock import iso

#: What a dry run says instead, as all dry runs do.
_OF_DRY_RUN = {
    ADOPTED: "would adopt",
    COMPLETED: "would complete",
    UNDONE: "would undo",
    WROTE: WOULD_WRITE,
    REMOVED: "would remove",
    DISABLED: "would disable",
}
#: Before the lines of a job file.
OF_A_FILE = "    "
#: A wait that is worth a word.
LONG_SECONDS = 1.0
STILL_THERE = (
    "cron still runs these lines, and cron-generate would start the jobs too\n"
    "  hint: take over one line after the other: --adopt LINE; or put a # before them, then run cron-generate"
)


def print_imported(imported: Sequence[Imported], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json({"crontabs": [_to_json(each) for each in imported], "dry_run": dry_run})
        return
    for line in [line for each in imported for line in _lines(each, dry_run=dry_run)]:
        if line.startswith(OF_A_FILE):  # to be copied as it is
            print_line(escape_controls(line))
        else:
            print_in_lines(line)
    talk(_summary(imported, dry_run=dry_run))


def _lines(imported: Imported, *, dry_run: bool) -> list[str]:
    name = imported.crontab.name
    lines = [str(fault) for fault in imported.faults]
    if imported.crontab.not_live == "" and imported.crontab.is_ours and not imported.faults:
        return [*lines, f"{name}: written by cron-generate, nothing to import"]
    for entry in imported.entries:
        lines += _of_entry(entry, f"{name}:{entry.line.number}", dry_run=dry_run)
    lines += [f"{name}:{number}: is commented out, not imported" for number in imported.commented_out]
    return lines


def _of_entry(entry: Entry, where: str, *, dry_run: bool) -> list[str]:
    lines = [str(fault) for fault in entry.faults]
    if entry.done == LEFT_OUT:
        return [*lines, f"{where}: left out"]
    lines = [f"{where}: {remark}" for remark in entry.remarks] + lines
    if entry.done == KEPT:
        did = f"kept {entry.target}, which was imported from this line and edited since"
    elif entry.done == SAME:
        did = f"same as the existing {entry.target}"
    else:
        did = f"{entry.done} {entry.target}"
    lines.append(f"{where}: {did}")
    if dry_run and entry.done == WOULD_WRITE:
        lines += [f"{OF_A_FILE}{line}" for line in entry.content.decode().splitlines()]
    if entry.proof:
        lines.append(f"{where}: {_in_words(entry.proof)}")
        if not entry.proof.holds and "CRON_TZ" in entry.line.variables:
            lines.append("  hint: Debian's cron ignores CRON_TZ; to keep its times, remove time_zone from the job file")
    return lines


def _in_words(proof: Proof) -> str:
    if proof.holds:
        return f"proved: {proof.times:,} equal times in the next {proof.days} days"
    return f"NOT EQUAL: at {_iso(proof)} only one of line and job is due"


def _iso(proof: Proof) -> str | None:
    return None if proof.differs_at is None else iso(proof.differs_at.timestamp())


def sleep_and_say(seconds: float) -> None:
    """Wait, and say so: cron is about to start what is due, or the line is due soon."""
    if seconds > LONG_SECONDS:
        talk(f"waiting {seconds:.0f} s for a moment in which the line is not due")
    time.sleep(seconds)


def print_exchanged(done: Exchanged, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json({"adopted": _exchanged_to_json(done, dry_run=dry_run), "dry_run": dry_run})
        return
    where = f"{done.crontab}:{done.line}"
    becomes = "would become" if dry_run else "is now"
    if done.done == UNDONE:
        which = "the scheduler" if done.is_for_scheduler else done.generated
        did = f"{becomes} a line of cron again, and {which} is without the job '{done.job}'"
    elif done.is_for_scheduler:
        did = f"{becomes} the job '{done.job}', which the scheduler starts; {done.generated} stays as it is"
    else:
        did = f"{becomes} the job '{done.job}', which {done.generated} starts"
    lines = [f"{where}: {did}", f"{done.target}: {_did(done.job_file, dry_run=dry_run)}"]
    for line in lines:
        print_in_lines(line)
    if done.is_late:
        talk(f"it took until the next minute; check whether '{done.job}' was started then")
    if done.unrecorded:
        talk(f"done, but not recorded in the history:\n{done.unrecorded}")


def _did(word: str, *, dry_run: bool) -> str:
    return _OF_DRY_RUN.get(word, word) if dry_run else word


def _exchanged_to_json(done: Exchanged, *, dry_run: bool) -> dict[str, Any]:
    return {
        "done": _did(done.done, dry_run=dry_run),
        "crontab": done.crontab,
        "line": done.line,
        "text": done.text,
        "job": done.job,
        "target": str(done.target),
        "job_file": _did(done.job_file, dry_run=dry_run),
        "generated": done.generated,
        "for_scheduler": done.is_for_scheduler,
        "waited_seconds": round(done.waited_seconds, 3),
        "late": done.is_late,
    }


def _summary(imported: Sequence[Imported], *, dry_run: bool) -> str:
    entries = [entry for each in imported for entry in each.entries]
    counts = [(did, sum(entry.done == did for entry in entries)) for did in (WROTE, WOULD_WRITE, SAME, KEPT, LEFT_OUT)]
    words = ", ".join(f"{did} {count}" for did, count in counts if count) or "no entry there"
    words = f"dry run: {words}" if dry_run else words
    proofs = [entry.proof for entry in entries if entry.proof]
    if proofs:
        words += f"; proved {sum(proof.holds for proof in proofs)} of {len(proofs)}"
    if count := sum(entry.is_not_for_cron for entry in entries):
        words += f"\ncron-generate leaves out {count} of these jobs: cron knows only the host's time zone"
    is_twice = any(entry.done == WROTE for each in imported if each.is_started_twice for entry in each.entries)
    return f"{words}\n{STILL_THERE}" if is_twice else words


# --- JSON ------------------------------------------------------------------------------------------------------------


def _to_json(imported: Imported) -> dict[str, Any]:
    return {
        "crontab": imported.crontab.name,
        "entries": [_entry_to_json(entry) for entry in imported.entries],
        "faults": [fault_as_json(fault) for fault in imported.faults],
        "blank_lines": imported.counts["blank"],
        "comment_lines": imported.counts["comment"],
        "variable_lines": imported.counts["variable"],
        "commented_out": list(imported.commented_out),
    }


def _entry_to_json(entry: Entry) -> dict[str, Any]:
    return {
        "line": entry.line.number,
        "text": entry.line.text,
        "job": entry.job,
        "target": None if entry.target is None else str(entry.target),
        "done": entry.done,
        "remarks": [{"what": remark.what, "why": remark.why} for remark in entry.remarks],
        "faults": [fault_as_json(fault) for fault in entry.faults],
        "proof": None if entry.proof is None else _proof_to_json(entry.proof),
    }


def _proof_to_json(proof: Proof) -> dict[str, Any]:
    return {
        "equal": proof.holds,
        "days": proof.days,
        "time_count": proof.times,
        "differs_at": _iso(proof),
    }

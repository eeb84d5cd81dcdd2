"""`audit --verify`: whether the journal still has what was sealed."""

import os
import time
from collections.abc import Sequence

from process_control.actions.rights import become_reader
from process_control.cli.print.output import print_json, print_line, talk
from process_control.cli.session import Session
from process_control.core.layout import journal
from process_control.core.seals import Seal
from process_control.notify.message import escape_controls
from process_control.views.expected import named
from process_control.views.verified_journal import BrokenSeal, Verified, directories_of, read_seals, verify

MAX_SHOWN = 20


def verify_journal(session: Session, file: str | None, *, as_json: bool) -> int:
    """Print the result; return 0 when all seals hold, 1 when not, or when there are none.

    The seals are read with the caller's rights, the journal with those of the service user.
    """
    settings = session.load()
    seals = read_seals(file)
    become_reader(settings, command="process-control audit")
    verified = verify(settings, seals, now=time.time())
    if as_json:
        _print_json(verified)
    elif not verified.seals:
        talk(_no_seals(verified, seals, settings.state_directory, file))
    else:
        _print(verified)
    return 0 if verified.seals and not verified.broken else 1


def _no_seals(verified: Verified, seals: Sequence[Seal], state_directory: str, file: str | None) -> str:
    where = f"in {file}" if file else "in the syslog of this host"
    if verified.pruned:
        return f"all days that were sealed {where} are older than retention.days: {_range(verified.pruned)}"
    hosts = sorted(
        {seal.host for seal in seals if seal.host and os.path.dirname(seal.path) == journal(state_directory)}
    )
    if hosts:
        return f"none of the seals {where} is of this host ({os.uname().nodename})\n  hint: they are of {named(hosts)}"
    if seals:
        return (
            f"no seal {where} is of the journal of {state_directory}\n"
            f"  hint: there are seals of {', '.join(directories_of(seals))}, or of other hosts"
        )
    if file is None and os.geteuid() != 0:
        hint = "sudo process-control audit --verify, or --seals FILE: a syslog file that has them"
    else:
        hint = "`process-control watch` seals once an hour; name the file that the syslog writes: --seals FILE"
    return f"no seals found {where}\n  hint: {hint}"


def _print(verified: Verified) -> None:
    of = f"{_count(verified.seals, 'seal')} over {_count(verified.days, 'file')}"
    if verified.pruned:
        talk(
            f"not verified: {_count(len(verified.pruned), 'day')} that retention has removed, {_range(verified.pruned)}"
        )
    if verified.first is None:
        print_line(f"{of} {'holds' if verified.seals == 1 else 'hold'}")
        return
    for line in _lines(verified.first):
        print_line(escape_controls(line))
    print_line(f"{verified.broken} of {of} {'does' if verified.broken == 1 else 'do'} not hold")


def _lines(first: BrokenSeal) -> list[str]:
    sealed = f"sealed {first.seal.at}" if first.seal.at else "sealed then"
    part = f"bytes {first.first_byte:,} to {first.seal.size_bytes:,}"
    lines = [f"{first.seal.path}: {part} are not those {sealed}: {first.why}"]
    found = first.differences
    if found is None:
        return lines if first.why.startswith("the day is gone") else [*lines, "  there is no index to compare it with"]
    shown = [f"  line {number}: {what}" for number, what in found.lines]
    missing = [f"  missing: {what}" for what in found.missing]
    if not shown and not missing:
        return [*lines, "  the index has no other line: it keeps no attempts, or was made again since"]
    for each in (shown, missing):
        lines += each[:MAX_SHOWN]
        lines += [f"  and {len(each) - MAX_SHOWN} more"] if len(each) > MAX_SHOWN else []
    return lines


def _print_json(verified: Verified) -> None:
    first = verified.first
    found = None if first is None else first.differences
    print_json(
        {
            "holds": bool(verified.seals) and not verified.broken,
            "seals": verified.seals,
            "files": verified.days,
            "broken": verified.broken,
            "pruned": verified.pruned,
            "first": None
            if first is None
            else {
                "file": first.seal.path,
                "sealed_at": first.seal.at or None,
                "from_byte": first.first_byte,
                "to_byte": first.seal.size_bytes,
                "why": first.why,
                "has_index": found is not None,
                "lines": [{"line": number, "what": what} for number, what in (found.lines if found else [])],
                "missing": list(found.missing if found else []),
            },
        }
    )


def _range(days: Sequence[str]) -> str:
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"

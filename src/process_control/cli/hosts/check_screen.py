"""`check` of many hosts: one answer for a monitoring plugin, in which a host that does not answer is unknown."""

from collections.abc import Iterator
from typing import Any

from process_control.cli.hosts.dead_hosts import count_in_words, hosts_in_words
from process_control.cli.hosts.looked import Looked
from process_control.cli.print.output import print_json, print_line
from process_control.cli.print.plain import clean
from process_control.exports.icinga import CRITICAL, MAX_NAMED, OK, UNKNOWN, WARNING, WORDS
from process_control.fleet.merged import items
from process_control.fleet.reply import Reply

Item = dict[str, Any]
#: As Icinga and Nagios show services: what is not known may be worse than a warning.
WORST_FIRST = (CRITICAL, UNKNOWN, WARNING, OK)
#: Characters of a line.
MAX_LINE = 300


def show_check(looked: Looked) -> int:
    """Print the answer of the plugin and return its exit code, that of the worst host."""
    codes = [_code(reply) for reply in looked.replies]
    code = next(each for each in WORST_FIRST if each in codes)
    troubles = sorted(items(looked.replies, "troubles"), key=lambda each: (-each["severity"], each["host"]))
    text = "\n".join(_lines(looked, code, troubles))
    if looked.options["as_json"]:
        hosts = [reply.to_json() for reply in looked.replies]
        print_json({"exit_code": code, "text": text, "troubles": troubles, "hosts": hosts})
    else:
        print_line(text)
    return code


def _code(reply: Reply) -> int:
    code = reply.values.get("exit_code", UNKNOWN)
    return code if code in WORST_FIRST else UNKNOWN


def _lines(looked: Looked, code: int, troubles: list[Item]) -> Iterator[str]:
    """Yield the summary with the performance data, then a line for each host without an answer, and each trouble."""
    unknown = [reply for reply in looked.replies if _code(reply) == UNKNOWN]
    words = [count_in_words(looked.replies)] if any(not reply.is_ok for reply in unknown) else []
    if troubles:
        named = ", ".join(_name(each) for each in troubles[:MAX_NAMED])
        words.append(f"{named}{f' and {len(troubles) - MAX_NAMED} more' if len(troubles) > MAX_NAMED else ''}")
    summary = "; ".join(words) or f"{hosts_in_words(len(looked.replies))}, all fine"
    numbers = {
        "hosts": f"{len(looked.replies)};;;0",
        "unknown": f"{len(unknown)};0;;0",
        "critical": f"{sum(each['severity'] == CRITICAL for each in troubles)};;0;0",
        "warning": f"{sum(each['severity'] == WARNING for each in troubles)};0;;0",
    }
    figures = " ".join(f"{name}={value}" for name, value in numbers.items())
    yield f"PROCESS-CONTROL {WORDS[code]} - {_plain(summary)} | {figures}"
    for reply in unknown:
        yield f"{WORDS[UNKNOWN]}: {_plain(f'{reply.host} ({_why(reply)})')}"
    for each in troubles:
        word = WORDS[each["severity"]] if each["severity"] in (WARNING, CRITICAL) else WORDS[UNKNOWN]
        why = each["why"]
        yield f"{word}: {_plain(f'{_name(each)} ({why})')}"


def _name(trouble: Item) -> str:
    return f"{trouble['host']}/{trouble['job']}"


def _why(reply: Reply) -> str:
    if reply.error is not None:
        return f"{reply.error.what}; {reply.error.hint}" if reply.error.hint else reply.error.what
    first = str(reply.values.get("text", "")).partition("\n")[0]
    return first.partition(" - ")[2] or first


def _plain(text: str) -> str:
    """Return a text on one line without the bar that ends the words of a plugin."""
    return clean(text).replace("|", "/")[:MAX_LINE]

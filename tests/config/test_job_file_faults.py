"""What is said about a faulty job file, word for word: the texts are part of the interface."""

import pytest

from process_control.config.job_file import read_job
from process_control.core.job import Job
from process_control.errors import BadConfiguration, Fault

NAME_AND_COMMAND = "name: Purge\ncommand: /bin/true\n"
TIME = "write seconds, or 90s, 10m, 2h"
PATH = "write a path that begins with / (~ and variables are not expanded)"


def read(text: str | bytes) -> Job:
    source = text.encode() if isinstance(text, str) else text
    return read_job(source, slug="purge", path="/jobs/purge.yaml", default_values={}, log_bytes=1000)


def faults_of(text: str | bytes) -> list[Fault]:
    with pytest.raises(BadConfiguration) as caught:
        read(text)
    return caught.value.faults


def told(text: str | bytes) -> list[str]:
    return [str(fault) for fault in faults_of(text)]


# Below name and command, which are lines 1 and 2: the line in question, and what is said about it.
LINES = {
    "a key written wrong": (
        "timout: 30",
        "3:1: unknown key 'timout'",
        "did you mean 'timeout'? (seconds, or 90s, 10m, 2h); see: process-control explain timeout",
    ),
    "a key with a dash": (
        "kill-grace: 3",
        "3:1: unknown key 'kill-grace'",
        "did you mean 'kill_grace'? (seconds, or 90s, 10m, 2h); see: process-control explain kill_grace",
    ),
    "a key like no other": (
        "zzz: 3",
        "3:1: unknown key 'zzz'",
        "for a note write 'x-…'; for all keys: process-control explain",
    ),
    "a key of the configuration": (
        "user: ann",
        "3:1: unknown key 'user'",
        "all jobs run as the 'user' of the configuration",
    ),
    "two tags in one": (
        "tags: a, b",
        "3:7: 'tags' must not contain commas or blanks, not 'a, b'",
        "write one tag, or a list of tags: [nightly, database]",
    ),
    "a tag with a blank": (
        "tag: [a b]",
        "3:7: 'tag' must not contain commas or blanks, not 'a b'",
        "write one tag, or a list of tags: [nightly, database]",
    ),
    "a sendmail with arguments": (
        "failmail: {sendmail: /usr/bin/msmtp -t}",
        "3:22: 'failmail.sendmail' must be a program without arguments, not '/usr/bin/msmtp -t'",
        "write the program's path alone; it is called with -i -f SENDER -- ADDRESSES",
    ),
    "a limit of the host": (
        "max_concurrent: 2",
        "3:1: unknown key 'max_concurrent'",
        "write pool: NAME; its limit is in the configuration: pools: {NAME: {at_once: 2}}",
    ),
    "a cause without a job": (
        "after: {on: always}",
        "3:8: an item of 'after' has no 'job'",
        "add job: and the name of a job",
    ),
    "a job after itself": (
        "after: [load, purge]",
        "3:15: 'after' names the job itself: 'purge'",
        "remove it: a job cannot come after itself",
    ),
    "a cause that is named twice": (
        "after: [load, {job: load, on: failure}]",
        "3:21: 'after' names a job twice: 'load'",
        "keep one of the two",
    ),
    "an unknown way to end": (
        "after: {job: load, on: succes}",
        "3:24: 'after.on' must be success, failure or always, not 'succes'",
        "did you mean 'success'?",
    ),
    "a cause that cannot be a job": (
        "after: [../load]",
        "3:9: 'after' must be a name like a job's, not '../load'",
        "write letters, digits, - and _, at most 64, the first a letter or digit",
    ),
    "a priority out of range": (
        "limits: {nice: 20}",
        "3:16: 'limits.nice' must be a whole number from -20 to 19, not '20'",
        "write a whole number from -20 (first) to 19 (last)",
    ),
    "an inner key written wrong": (
        "limits: {log_byte: 1 GB}",
        "3:10: unknown key 'limits.log_byte'",
        (
            "did you mean 'limits.log_bytes'? (bytes, or 100 kB, 100 MB, 1 GB, 1 GiB); "
            "see: process-control explain limits.log_bytes"
        ),
    ),
    "a key that could move the cursor": (
        '"\\e[2J": 3',
        "3:1: unknown key '\\x1b[2J'",
        "for a note write 'x-…'; for all keys: process-control explain",
    ),
    "a duplicate key": (
        "timeout: 1\ntimeout: 2",
        "4:1: duplicate key 'timeout' (first on line 3)",
        "keep one of the two",
    ),
    "two spellings of tags": (
        "tags: [a]\ntag: b",
        "4:1: 'tag' and 'tags' are two spellings of one key",
        "keep one of the two",
    ),
    "two spellings of stdout": (
        "stdout_destination: /a\nstdout: /b",
        "4:1: 'stdout' and 'stdout_destination' are two spellings of one key",
        "keep one of the two",
    ),
    "the old and the new word for overlaps": (
        "allow_overtime: true\non_overlap: skip",
        "4:1: 'on_overlap' and 'allow_overtime' are two spellings of one key",
        "keep one of the two",
    ),
    "an anchor": ("x-a: &a b", "3:6: anchor '&a' is not allowed", "remove it"),
    "an alias": ("x-a: *a", "3:6: alias '*a' is not allowed", "write the value out, or quote the text"),
    "a tag": ("x-a: !!str b", "3:6: tag '!!str' is not allowed", "remove it: each key has one type"),
    "a merge key": (
        "<<: {timeout: 3}",
        "3:1: unknown key '<<'",
        "for a note write 'x-…'; for all keys: process-control explain",
    ),
    "a key that is a list": ("? [a]\n: b", "3:3: a key must be text", "write 'key: value'"),
    "a second document": ("---\nname: b", "3:1: a second document", "one file is one job: remove the '---'"),
    "a schedule without quotes": (
        "schedule: */5 * * * *",
        "3:11: the schedule '*/5 * * * *' is not quoted",
        'quote the schedule: schedule: "*/5 * * * *"',
    ),
    "a schedule without quotes, before a comment": (
        "schedule: * 3 * * *  # at night",
        "3:11: the schedule '* 3 * * *' is not quoted",
        'quote the schedule: schedule: "* 3 * * *"',
    ),
    "a schedule without quotes in a list": (
        "schedule:\n  - */5 * * * *",
        "4:5: the schedule '*/5 * * * *' is not quoted",
        'quote the schedule: "*/5 * * * *"',
    ),
    "a shorthand without quotes": (
        "schedule: @daily",
        "3:11: the schedule '@daily' is not quoted",
        'quote the schedule: schedule: "@daily"',
    ),
    "an address without quotes": (
        "owner: @ann",
        "3:8: the value '@ann' is not quoted",
        'quote the value: owner: "@ann"',
    ),
    "a schedule without quotes in brackets": (
        "schedule: [*/5 * * * *]",
        "3:13: not YAML: did not find expected alphabetic or numeric character, in 'schedule: [*/5 * * * *]'",
        "quote a text that begins with * or &, like a schedule",
    ),
    "a colon in a text": (
        "owner: Ann: ops",
        "3:11: not YAML: mapping values are not allowed in this context, in 'owner: Ann: ops'",
        "check the indentation; quote a text that contains ': '",
    ),
    "a quote that is not closed": (
        "owner: 'Ann",
        '3:8: not YAML: found unexpected end of stream, in "owner: \'Ann"',
        "close the quote",
    ),
    "a brace that is not closed": (
        "environment: {A: b",
        "3:14: not YAML: the map that begins here is not closed, in 'environment: {A: b'",
        "close the brace; separate with commas",
    ),
    "a bracket that is not closed": (
        "tags: [certs\nowner: ann",
        "3:7: not YAML: the list that begins here is not closed, or lacks a comma, before line 4, in 'tags: [certs'",
        "close the bracket; separate with commas",
    ),
    "a backtick": (
        "owner: `ann`",
        "3:8: not YAML: found character that cannot start any token, in 'owner: `ann`'",
        "quote the text: it begins with a character that is special in YAML",
    ),
    "a time in words": ("timeout: soon", "3:10: 'timeout' must be a time, not 'soon'", TIME),
    "a negative time": ("timeout: -1", "3:10: 'timeout' must be a time, not '-1'", TIME),
    "a time with a colon": ("kill_grace: 1:30", "3:13: 'kill_grace' must be a time, not '1:30'", TIME),
    "a time that is a list": ("timeout: [1]", "3:10: 'timeout' must be a time, not a list", TIME),
    "a time without end": ("timeout: 99999999999", "3:10: 'timeout' must be a time, not '99999999999'", TIME),
    "a window of nothing": ("start_within: 0", "3:15: 'start_within' must be a time above 0, not '0'", TIME),
    "no value": (
        "timeout:",
        "3:9: 'timeout' has no value",
        "write seconds, or 90s, 10m, 2h, or remove the line",
    ),
    "YAML's word for no value": (
        "owner: ~",
        "3:8: 'owner' has no value",
        "write text, an address, or a map such as {team: Database, mail: dba@example.org}, or remove the line",
    ),
    "a size in words": (
        "limits: {log_bytes: big}",
        "3:21: 'limits.log_bytes' must be a size, not 'big'",
        "write bytes, or 100 kB, 100 MB, 1 GB, 1 GiB",
    ),
    "a hold that is a number": ("hold: 5", "3:7: 'hold' must be a map, not '5'", "write a map"),
    "another word for catch_up": (
        "catch_up: newest",
        "3:11: 'catch_up' must be none, latest or all, not 'newest'",
        "write none, latest or all",
    ),
    "a list for catch_up": (
        "catch_up: [latest]",
        "3:11: 'catch_up' must be a map, not a list",
        "write none, latest, all, or a map such as {which: latest, within: 24h}",
    ),
    "no window for catch_up": (
        "catch_up: {within: 0}",
        "3:20: 'catch_up.within' must be a time above 0, not '0'",
        TIME,
    ),
    "a backoff that is no time": ("backoff: soon", "3:10: 'backoff' must be a time above 0, not 'soon'", TIME),
    "a backoff that shrinks": (
        "backoff: {factor: 0.5}",
        "3:19: 'backoff.factor' must be a number from 1 to 100, not '0.5'",
        "write a number from 1 to 100, such as 2 or 1.5",
    ),
    "a hold after nothing": (
        "hold: {after_failures: 0}",
        "3:24: 'hold.after_failures' must be a whole number above 0, not '0'",
        "write a whole number above 0",
    ),
    "a slow start after something else": (
        "slow_start: {after: [hold, changed]}",
        "3:28: 'slow_start.after' must be hold, change or new, not 'changed'",
        "did you mean 'change'?",
    ),
    "a key of slow_start written wrong": (
        "slow_start: {run: 3}",
        "3:14: unknown key 'slow_start.run'",
        "did you mean 'slow_start.runs'? (a whole number above 0); see: process-control explain slow_start.runs",
    ),
    "a map that is none": ("limits: 3", "3:9: 'limits' must be a map, not '3'", "write a map"),
    "a bool that is none": (
        "disabled: maybe",
        "3:11: 'disabled' must be true or false, not 'maybe'",
        "write true or false",
    ),
    "a bool in quotes": (
        'disabled: "true"',
        "3:11: 'disabled' must be true or false, not the text 'true'",
        "remove the quotes",
    ),
    "a word written wrong": (
        "stderr: warnn",
        "3:9: 'stderr' must be fail, warn or ignore, not 'warnn'",
        "did you mean 'warn'?",
    ),
    "a word like no other": (
        "on_overlap: 7",
        "3:13: 'on_overlap' must be skip, queue, replace or fail, not '7'",
        "write skip, queue, replace or fail",
    ),
    "a mask that is not octal": (
        "umask: 088",
        "3:8: 'umask' must be an octal mask, not '088'",
        "write octal digits, 000 to 777, such as 022 or 077",
    ),
    "a lock that is a path": (
        "lock: ../a",
        "3:7: 'lock' must be a name like a job's, not '../a'",
        "write letters, digits, - and _, at most 64, the first a letter or digit",
    ),
    "a zone written wrong": (
        "time_zone: Europe/Berln",
        "3:12: unknown time zone 'Europe/Berln'",
        "did you mean 'Europe/Berlin'?",
    ),
    "a relative directory": (
        "working_directory: srv",
        "3:20: 'working_directory' must be a whole path, not 'srv'",
        PATH,
    ),
    "a home directory": ("stdout: ~/log", "3:9: 'stdout' must be a whole path, not '~/log'", PATH),
    "a relative file in a list": (
        "environment_file: [/a, b]",
        "3:24: 'environment_file' must be a whole path, not 'b'",
        PATH,
    ),
    "a text of two lines": (
        'owner: "a\\nb"',
        "3:8: 'owner' must be one line of printable text, not 'a\\nb'",
        "write one line of text",
    ),
    "a NUL in a text": (
        'description: "a\\0b"',
        "3:14: 'description' contains a NUL character",
        "remove it: no program can receive it",
    ),
    "an environment that is a list": (
        "environment: [A]",
        "3:14: 'environment' must be a map, not a list",
        "write a map, one NAME: value a line",
    ),
    "a variable's name": (
        "environment: {1A: b}",
        "3:15: 'environment': '1A' is not a variable name",
        "letters, digits and _, the first not a digit",
    ),
    "a variable of ours": (
        "environment: {PROCESS_CONTROL_JOB: b}",
        "3:15: 'environment': 'PROCESS_CONTROL_JOB' is set by process-control itself",
        "choose a name that does not begin with PROCESS_CONTROL_",
    ),
    "a variable that is a list": (
        "environment: {A: [b]}",
        "3:18: 'environment.A' must be text, not a list",
        "write text, which is taken as written",
    ),
    "a variable with a NUL": (
        'environment: {A: "\\0"}',
        "3:18: 'environment.A' contains a NUL character",
        "remove it",
    ),
    "a variable of ours let through": (
        "inherit_environment: [PROCESS_CONTROL_JOB]",
        "3:23: 'inherit_environment': 'PROCESS_CONTROL_JOB' is set by process-control itself",
        "choose a name that does not begin with PROCESS_CONTROL_",
    ),
    "what to let through in words": (
        "inherit_environment: maybe",
        "3:22: 'inherit_environment' must be true, false or a list of names, not 'maybe'",
        "write true, false, or a list of variables' names",
    ),
    "an empty list of tags": (
        "tags: []",
        "3:7: 'tags' is an empty list",
        "write text, or a list of texts, or remove the line",
    ),
}


@pytest.mark.parametrize(("line", "what", "hint"), LINES.values(), ids=LINES)
def test_a_faulty_line_is_told_with_its_place_and_its_mend(line: str, what: str, hint: str) -> None:
    assert told(f"{NAME_AND_COMMAND}{line}\n") == [f"purge.yaml:{what}\n  hint: {hint}"]


FILES = {
    "nothing": (
        "",
        "1:1: the file is empty",
        "a job needs at least 'name' and 'command'",
    ),
    "a comment": (
        "# nothing yet\n",
        "1:1: the file is empty",
        "a job needs at least 'name' and 'command'",
    ),
    "a list": (
        "- a\n",
        "1:1: the file must be a map of keys, not a list",
        "write one 'key: value' a line",
    ),
    "a text": (
        "hello\n",
        "1:1: the file must be a map of keys, not text",
        "write one 'key: value' a line",
    ),
    "Latin-1": (
        b"name: n\nowner: Andr\xe9\n",
        "2:12: byte 0xe9 is not UTF-8",
        "save the file as UTF-8",
    ),
    "UTF-16": (
        "name: n".encode("utf-16"),
        "1:1: the file is UTF-16",
        "save it as UTF-8",
    ),
    "a NUL byte": (
        b"name: n\nowner: a\0b\n",
        "2:9: a NUL byte",
        "remove it: the file must be plain text",
    ),
    "a control character": (
        b"name: \x1b[2J\n",
        "1:7: the control character '\\x1b'",
        "remove it: the file must be plain text",
    ),
    "no name": (
        "command: /bin/true\n",
        "1:1: 'name' is missing",
        "add a line such as: name: Nightly backup",
    ),
    "no command": (
        "name: Purge\n",
        "1:1: 'command' is missing",
        "add a line such as: command: /usr/local/bin/backup --all",
    ),
    "an empty name": (
        "name: ''\ncommand: a\n",
        "1:7: 'name' is empty",
        "write one line of text, or remove the line",
    ),
    "an empty command": (
        "name: n\ncommand: ''\n",
        "2:10: 'command' is empty",
        "write the program's path and its arguments",
    ),
    "a command without a program": (
        "name: n\ncommand: \"'' a\"\n",
        "2:10: 'command' is empty",
        "write the program's path and its arguments",
    ),
    "an empty list of commands": (
        "name: n\ncommand: []\n",
        "2:10: 'command' is an empty list",
        "write a command and its arguments, or a list of such texts, or remove the line",
    ),
    "a command with an open quote": (
        "name: n\ncommand: /bin/echo it's\n",
        "2:22: 'command' has a quote that is not closed: \"/bin/echo it's\"",
        "close it, or put a backslash before it",
    ),
    "a command that ends too early": (
        "name: n\ncommand: /bin/echo \\\n",
        "2:20: 'command' ends with a backslash: '/bin/echo \\\\'",
        "close it, or put a backslash before it",
    ),
    "a command that is a map": (
        "name: n\ncommand: {a: b}\n",
        "2:10: 'command' must be text or a list of texts, not a map",
        "write a command and its arguments, or a list of such texts",
    ),
    "a command with a NUL": (
        'name: n\ncommand: "a \\0"\n',
        "2:10: 'command' contains a NUL character",
        "remove it: no program can receive it",
    ),
    "more than 64 KiB": (
        "#" * 65_537,
        "1:1: the file is larger than 64 KiB",
        "move data to another file",
    ),
    "eleven levels": (
        "name: " + "{a: " * 10 + "1" + "}" * 10,
        "1:43: nested deeper than 10 levels",
        "a job file is flat",
    ),
    "too many entries": (
        "x-a: [" + "a," * 6000 + "]",
        "1:9997: more than 5,000 entries",
        "move data to another file",
    ),
}


@pytest.mark.parametrize(("text", "what", "hint"), FILES.values(), ids=FILES)
def test_a_file_that_cannot_be_a_job_is_told(text: str | bytes, what: str, hint: str) -> None:
    assert told(text) == [f"purge.yaml:{what}\n  hint: {hint}"]


def test_all_faults_of_a_file_are_told_at_once_in_the_order_of_their_lines() -> None:
    text = (
        "command: /bin/true\nmax_concurrent: 2\ntimout: 30\nstderr: loud\nschedule:\n- */5 * * * *\n- nonsense\n"
        "environment:\n\t1A: b\ndisabled: maybe\n"
    )

    assert [f"{fault.where}: {fault.what}" for fault in faults_of(text)] == [
        "purge.yaml:1:1: 'name' is missing",
        "purge.yaml:2:1: unknown key 'max_concurrent'",
        "purge.yaml:3:1: unknown key 'timout'",
        "purge.yaml:4:9: 'stderr' must be fail, warn or ignore, not 'loud'",
        "purge.yaml:6:3: the schedule '*/5 * * * *' is not quoted",
        "purge.yaml:7:3: schedule 'nonsense' has 1 field",
        "purge.yaml:9:2: 'environment': '1A' is not a variable name",
        "purge.yaml:10:11: 'disabled' must be true or false, not 'maybe'",
    ]


def test_what_the_schedule_says_of_itself_is_told_at_its_line() -> None:
    text = NAME_AND_COMMAND + "schedule:\n  - '@daily'\n  - '@reboot'\n  - '0 0 31 2 *'\n"

    assert [f"{fault.where}: {fault.what}" for fault in faults_of(text)] == [
        "purge.yaml:5:5: '@reboot' is not a time that cron can plan",
        "purge.yaml:6:5: schedule '0 0 31 2 *' never fires",
    ]


def test_more_than_a_hundred_faults_are_counted_not_told() -> None:
    faults = faults_of("name: n\ncommand: c\n" + "".join(f"wrong{number}: 1\n" for number in range(130)))

    assert len(faults) == 101
    assert str(faults[-1]) == "purge.yaml: and 30 more faults"


def test_more_than_a_hundred_schedules_are_refused() -> None:
    text = NAME_AND_COMMAND + "schedule:\n" + "- 0 0 * * *\n" * 101

    assert told(text) == ["purge.yaml:104:3: more than 100 schedules\n  hint: write steps and ranges"]


def test_a_long_text_is_told_shortened() -> None:
    (fault,) = faults_of(f"{NAME_AND_COMMAND}timeout: {'9' * 500}\n")

    assert fault.what == f"'timeout' must be a time, not '{'9' * 59}…'"

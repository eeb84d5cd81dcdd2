"""The reference page of fates, reasons and causes, made from the tables in the code."""

from collections.abc import Mapping

from process_control.core.schedule.causes import CAUSES
from process_control.core.schedule.fates import BLOCKERS, FATES_IN_WORDS, SKIPS

SHOWN_BY = {
    "host_down": "the records of two boots: none was written between them; or a `gap` record with a suspend",
    "clock_stepped": "two records of one boot whose clocks differ from its uptime",
    "refused": "the `refusal` record of the start; or the `version` record of the invalid file",
    "runner_killed_before_start": "the `refusal` record that the next start wrote for it",
    "not_in_crontab": "the `crontab` records of `cron-generate`",
    "trigger_dead": "no start of any job though another one was due; `gap` records of `watch`; those of the scheduler",
    "no_worker": "the records of the fleet",
    "unknown": "nothing: `why` says what would have shown it",
}

PAGE = """\
# Fates, reasons and causes of planned times

Every planned time (*slot*) has one fate, so planned = ran + skipped + missed + due, for every job and every time.
`process-control slots --count` prints that sum, `process-control why JOB TIME` shows one of them with its evidence:
[why did it not run?](../how-to/why-did-it-not-run.md)

## Fates

{fates}

The first that fits: a mark by hand; a run for that time; the record of a skip; a refused start; disabled, excluded or
held by what was recorded; younger than `start_within`, or waiting; else missed.

## Reasons of skipped times

{skips}

`too_late`, and `overlap` from the third in a row, were chosen by nobody: `status` and `check` show them as trouble.

## Causes of missed times

The first that fits.

{causes}

## Why a job does not run now

`why JOB` shows all that apply, in this order, each with since when and the command that ends it (`blocked_by` in
[`--json`](json.md)).

{blockers}

<!-- Generated from the tables in core/schedule/ by `python -m tools.pages`: do not edit. -->
"""


def fates_page() -> str:
    causes = [f"| `{cause}` | {words} | {SHOWN_BY[cause]} |" for cause, words in CAUSES.items()]
    return PAGE.format(
        fates=_table("fate", FATES_IN_WORDS),
        skips=_table("reason", SKIPS),
        causes="\n".join(["| cause | meaning | shown by |", "|---|---|---|", *causes]),
        blockers=_table("reason", BLOCKERS),
    )


def _table(word: str, rows: Mapping[str, str]) -> str:
    return "\n".join([f"| {word} | meaning |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in rows.items())])

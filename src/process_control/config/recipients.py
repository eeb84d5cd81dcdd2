"""Who gets messages about a job, and about the host: the failmail or the owner, then the lists of `notify`."""

from collections.abc import Sequence
from typing import Any

from process_control.config.failmail import failmail_of
from process_control.config.keys.notify_kinds import words_of_program
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.recipient import DAY_SECONDS, MAIL, Recipient


def recipients_of(job: Job | None, settings: Settings) -> list[Recipient]:
    """Return who gets messages about `job`; of one whose file cannot be read (None), those of the configuration.

    First by mail, as `failmail` and `owner` say; then by the job's own `notify` (or that of `default_job_config`); then
    by that of the configuration. Whoever is named twice is there once, by the first entry.
    """
    threshold = job.failure_threshold_for_mail if job is not None else 1
    found = _by_failmail(job, settings, threshold)
    found += [_recipient(item, threshold) for item in notify_items(job, settings)]
    once: dict[str, Recipient] = {}
    for recipient in found:
        once.setdefault(recipient.key, recipient)
    return list(once.values())


def global_recipients(settings: Settings) -> list[Recipient]:
    """Return who gets messages about the host: whoever the configuration names, but for entries with `tags`."""
    return recipients_of(None, settings)


def everybody(settings: Settings) -> list[Recipient]:
    """Return whoever the configuration names, for some tags only too."""
    found = [*global_recipients(settings), *(_recipient(item, 1) for item in settings.notify)]
    return list({recipient.key: recipient for recipient in reversed(found)}.values())[::-1]


def _by_failmail(job: Job | None, settings: Settings, threshold: int) -> list[Recipient]:
    failmail = failmail_of(job, settings)
    if failmail is None:
        return []
    url = f"{MAIL}:{','.join(failmail.to_addresses)}"
    return [Recipient(url=url, after=threshold, each=failmail.each)]


def notify_items(job: Job | None, settings: Settings) -> list[dict[str, Any]]:
    """Return the entries of `notify` that apply to the job: its own, then those of the configuration."""
    if job is not None and job.notify_off:
        return []
    own, tags = (job.notify, job.tags) if job is not None else ([], [])
    return [item for item in [*own, *settings.notify] if "tags" not in item or not set(item["tags"]).isdisjoint(tags)]


def files_of_notify(items: Sequence[dict[str, Any]]) -> list[str]:
    """Return the files and programs that entries of `notify` name."""
    programs = [program for item in items if (program := program_of(item)) is not None]
    return programs + [item[key] for item in items for key in ("url_file", "key_file") if key in item]


def program_of(item: dict[str, Any]) -> str | None:
    """Return the path of the program that an entry calls; None for other channels, and where a file has the URL."""
    url = item.get("url") or ""
    return words_of_program(url)[0] if url.lower().startswith("exec:") else None


def _recipient(item: dict[str, Any], threshold: int) -> Recipient:
    return Recipient(
        url=item.get("url") or "",
        url_file=item.get("url_file"),
        key_file=item.get("key_file"),
        on=frozenset(item["on"]) if "on" in item else None,
        after=item.get("after") or threshold,
        remind_seconds=item.get("remind", DAY_SECONDS),
    )

"""The files of a directory as they are in a commit of git."""

from collections.abc import Iterator
from dataclasses import dataclass

from process_control.errors import BadConfiguration, CannotRecord, JobNotFound, NotPermitted
from process_control.system.git import Answer, ask_git

#: Reading thousands of files of a large repository takes longer than a question.
READ_SECONDS = 60.0
#: Of a longer file the rest is not read: it is too large for a job file in any case.
MAX_BYTES = 1 << 20
HEAD = "HEAD"
#: Between two revisions, the longer ones first.
DOTS = ("...", "..")
#: For completion: how long git may take, and how many names are of use.
OFFER_SECONDS = 2.0
MAX_OFFERED = 2000
_REGULAR = ("100644", "100755")
_LINK = "120000"


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit, as somebody called it and by its id."""

    name: str
    #: 40 hex digits
    commit: str
    #: Whether it is the last commit that this name and the other one have in common.
    is_common: bool = False


@dataclass(frozen=True, slots=True)
class CommittedFile:
    """A file of a commit. `source` is None for a link, which has no text of its own."""

    name: str
    source: bytes | None


def revisions_of(directory: str, words: str | None) -> tuple[Revision, Revision | None]:
    """Return the two that `A..B`, `A...B`, `A` or nothing (HEAD) names; the second is None for the files as they are.

    `A...B` begins at the last commit that both have. Raises JobNotFound (66) for an unknown revision,
    BadConfiguration (78) when the directory is not in a checkout or git is not installed, NotPermitted (77) when git
    refuses the checkout.
    """
    _check(directory)
    old, dots, new = _parted(words or HEAD)
    first = _revision(directory, old or HEAD)
    if not dots:
        return first, None
    second = _revision(directory, new or HEAD)
    return (_common(directory, first, second) if dots == "..." else first), second


def names_of_revisions(directory: str) -> list[str]:
    """Return HEAD, branches and tags, those of other repositories too; none outside a checkout, or when git is slow."""
    words = ("for-each-ref", f"--count={MAX_OFFERED}", "--format=%(refname:lstrip=2)")
    try:
        answer = ask_git(directory, *words, "refs/heads", "refs/tags", "refs/remotes", seconds=OFFER_SECONDS)
    except OSError:
        return []
    return [HEAD, *answer.text.splitlines()] if answer.exit_code == 0 and answer.stdout else []


def files_at(directory: str, revision: Revision, *, ending: str) -> list[CommittedFile]:
    """Return the files of `directory` in a commit whose names end so, by name; those of directories below are not."""
    prefix = _succeeded(_ask(directory, "rev-parse", "--show-prefix"), directory).text.strip("\n")
    below = ["--", prefix] if prefix else []
    listing = _succeeded(_ask(directory, "ls-tree", "-z", "-l", "--full-tree", revision.commit, *below), directory)
    entries = [_entry(line, prefix) for line in listing.text.split("\0") if line]
    wanted = [entry for entry in entries if entry[0].endswith(ending)]
    blobs = [blob for _, mode, blob in wanted if mode in _REGULAR]
    sources = dict(_contents(directory, list(dict.fromkeys(blobs))))
    return [
        CommittedFile(name, sources[blob] if mode in _REGULAR else None)
        for name, mode, blob in wanted
        if mode in _REGULAR or mode == _LINK
    ]


def _entry(line: str, prefix: str) -> tuple[str, str, str]:
    """Return name, mode and blob of a line of `ls-tree`."""
    facts, _, path = line.partition("\t")
    mode, _, blob, _ = facts.split()
    return path.removeprefix(prefix), mode, blob


def _contents(directory: str, blobs: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yield each blob with its contents, the first MAX_BYTES of it."""
    given = "".join(f"{blob}\n" for blob in blobs).encode()
    output = _succeeded(_ask(directory, "cat-file", "--batch", given=given, seconds=READ_SECONDS), directory).stdout
    at = 0
    for blob in blobs:
        end = output.find(b"\n", at)
        size = output[at:end].split()[-1] if end >= 0 else b""
        if not size.isdigit():
            hint = f"git -C {directory} fetch, or git -C {directory} fsck"
            raise CannotRecord(f"git does not have the file {blob} of this commit", where=directory, hint=hint)
        length = int(size)
        yield blob, output[end + 1 : end + 1 + min(length, MAX_BYTES)]
        at = end + 1 + length + 1


# --- which commits ---------------------------------------------------------------------------------------------------


def _parted(words: str) -> tuple[str, str, str]:
    for dots in DOTS:
        if dots in words:
            old, _, new = words.partition(dots)
            return old, dots, new
    return words, "", ""


def _revision(directory: str, name: str) -> Revision:
    answer = _ask(directory, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    commit = answer.text.strip()
    if answer.exit_code or not commit:
        raise _unknown(directory, name)
    return Revision(name, commit)


def _unknown(directory: str, name: str) -> JobNotFound:
    if name == HEAD:
        return JobNotFound("the checkout has no commit yet", where=directory, hint="git commit, then ask again")
    hint = f"git -C {directory} log --oneline shows commits; one of another repository: git fetch first"
    return JobNotFound(f"no such revision: '{name}'", where=directory, hint=hint)


def _common(directory: str, first: Revision, second: Revision) -> Revision:
    answer = _ask(directory, "merge-base", first.commit, second.commit)
    commit = answer.text.strip()
    if answer.exit_code or not commit:
        what = f"'{first.name}' and '{second.name}' have no commit in common"
        raise JobNotFound(what, where=directory, hint="a shallow clone lacks it: git fetch --unshallow")
    return Revision(first.name, commit, is_common=True)


def _check(directory: str) -> None:
    """Raise when the directory is not in a checkout that git lets us read."""
    answer = _ask(directory, "rev-parse", "--is-inside-work-tree")
    if answer.exit_code == 0 and answer.text.strip() == "true":
        return
    if "dubious ownership" in answer.stderr:
        what = "git does not trust this checkout: it belongs to another account"
        hint = f"git config --system --add safe.directory '{_toplevel_in(answer.stderr) or directory}'"
        raise NotPermitted(what, where=directory, hint=hint)
    what = "the job directory is not in a checkout of git, so there is no revision to compare with"
    hint = f"keep the job files in git: git -C {directory} init"
    raise BadConfiguration(what, where=directory, hint=hint)


def _toplevel_in(message: str) -> str | None:
    """Return the checkout that git names: `fatal: detected dubious ownership in repository at '/srv/jobs'`."""
    line = message.partition("\n")[0]
    return line.partition(" at '")[2].rstrip("'") or None


# --- asking git ------------------------------------------------------------------------------------------------------


def _ask(directory: str, *words: str, given: bytes = b"", seconds: float = READ_SECONDS) -> Answer:
    try:
        return ask_git(directory, *words, given=given, seconds=seconds)
    except FileNotFoundError as error:
        raise BadConfiguration("git is not installed", where="git", hint="apt-get install git") from error
    except OSError as error:
        raise CannotRecord(f"git does not answer: {error}", where=directory) from error


def _succeeded(answer: Answer, directory: str) -> Answer:
    if answer.exit_code:
        line = answer.stderr.strip().partition("\n")[0]
        raise CannotRecord(f"git cannot read the checkout: {line}", where=directory, hint="git fsck") from None
    return answer

"""Completion in real shells on a terminal: jobs, verbs, flags, tags, runs; fast, silent, and nothing is ever executed.

In each shell the commands are functions that print their words, so that what was completed is seen as the command
would get it, quoting and all; completion itself asks the real `run-job`.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from kit.checkout import Checkout
from kit.harness import SERVICE_USER, STRANGER, Box, Live
from test_forbidden_imports import WITNESS, forbidden_in

TAB, ENTER = b"\t", b"\r"
LOADER = Path("/usr/share/bash-completion/bash_completion")
SHELLS = ["bash", "zsh", "fish"]

# Bash with Debian's bash-completion, which finds our scripts where the package has installed them.
BASH = """
export XDG_DATA_DIRS={share}
source {loader}
for name in run-job process-control; do _completion_loader "$name"; done
bind 'set enable-bracketed-paste off'; bind 'set bell-style none'
run-job() {{ printf '<%s>' "$@"; echo; }}
process-control() {{ printf '<%s>' "$@"; echo; }}
PS1='ready> '
"""
ZSH = """
fpath=({share}/zsh/site-functions $fpath)
autoload -U compinit; compinit -u -d {dump}
unset zle_bracketed_paste; setopt no_beep no_prompt_cr no_prompt_sp
run-job() {{ printf '<%s>' "$@"; echo }}
process-control() {{ printf '<%s>' "$@"; echo }}
PS1='ready> '
"""
FISH = """
for name in run-job process-control; source {share}/fish/vendor_completions.d/$name.fish; end
function run-job; printf '<%s>' $argv; echo; end
function process-control; printf '<%s>' $argv; echo; end
function fish_greeting; end
function fish_prompt; echo -n 'ready> '; end
"""


@dataclass(frozen=True, slots=True)
class Shell:
    """An interactive shell on a terminal."""

    live: Live

    def completes(self, typed: str, *, to: str) -> None:
        """Type, press the key and ENTER, and see that the command gets these words."""
        self.live.type(typed.encode() + TAB)
        self.live.type(ENTER)
        self.live.wait_for_line(to)

    def offers(self, typed: str, *choices: str) -> None:
        """Type, press the key until there is no more to add, and see all of these on the terminal."""
        self.live.type(typed.encode() + TAB + TAB + TAB)
        for choice in choices:
            self.live.wait_for_line(choice)


@contextmanager
def shell(name: str, box: Box, **how: object) -> Iterator[Shell]:
    if shutil.which(name) is None or (name == "bash" and not LOADER.exists()):
        pytest.skip(f"not installed here: apt-get install {name} bash-completion")
    start = box.root / "start"
    start.mkdir(exist_ok=True)
    # Read anew, the functions of all commands take zsh half a second: one dump serves all tests.
    dump = box.product.prefix / "zcompdump"
    share = box.product.prefix / "share"
    text = {"bash": BASH, "zsh": ZSH, "fish": FISH}[name].format(share=share, loader=LOADER, dump=dump)
    (start / ".zshrc").write_text(text)
    command = {
        "bash": ["bash", "--noprofile", "--rcfile", str(start / ".zshrc"), "-i"],
        "zsh": ["zsh", "-d", "-i"],
        "fish": ["fish", "--no-config", "--interactive", "--init-command", f"source {start}/.zshrc"],
    }[name]
    environment = {"TERM": "dumb" if name == "bash" else "xterm", "ZDOTDIR": str(start), "HOME": str(box.root)}
    with box.start_command(command, tty=True, columns=160, env=environment, **how) as live:  # type: ignore[arg-type]
        live.wait_for_line("ready> ")
        yield Shell(live)


@pytest.fixture
def jobs(box: Box) -> Box:
    box.job("purge", "command: /bin/true\ntags: [nightly, night-shift]")
    box.job("backup-all", "command: /bin/true\ntags: nightly")
    box.job("broken", "comand: [")
    return box


@pytest.mark.parametrize("name", SHELLS)
def test_names_verbs_flags_tags_and_choices_are_completed(name: str, jobs: Box) -> None:
    with shell(name, jobs) as it:
        it.completes("run-job pu", to="<purge>")
        it.completes("run-job --job back", to="<--job><backup-all>")
        it.completes("run-job -k bro", to="<-k><broken>")
        it.completes("run-job --dry", to="<--dry-run>")
        it.completes("process-control hist", to="<history>")
        it.completes("process-control status pu", to="<status><purge>")
        it.completes("process-control status tag:nightl", to="<status><tag:nightly>")
        it.completes("process-control history --outcome fai", to="<history><--outcome><failed>")
        it.completes("process-control history --outcome=fai", to="<history><--outcome=failed>")
        it.completes("process-control explain kill_gr", to="<explain><kill_grace>")
        it.completes("process-control import orig", to="<import><original>")
        it.completes("process-control export sys", to="<export><systemd>")
        it.completes("process-control export systemd back", to="<export><systemd><backup-all>")
        it.completes("process-control import original --min", to="<import><original><--minutes>")
        it.completes("process-control import cront", to="<import><crontab>")
        it.completes("process-control import crontab --pro", to="<import><crontab><--prove>")
        it.completes("process-control logs --run x --ti", to="<logs><--run><x><--times>")


@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize(
    ("typed", "choices"),
    [
        ("run-job ", ["purge", "backup-all", "broken"]),
        ("process-control list tag:nigh", ["nightly", "night-shift"]),
        ("process-control s", ["show", "status", "stop"]),
        ("run-job --", ["--kill-job", "--timeout"]),
    ],
    ids=["jobs", "tags", "verbs", "flags"],
)
def test_all_that_fits_is_offered(name: str, typed: str, choices: list[str], jobs: Box) -> None:
    with shell(name, jobs) as it:
        it.offers(typed, *choices)


@pytest.mark.parametrize("name", SHELLS)
def test_files_and_directories_are_completed_where_they_are_wanted(name: str, box: Box) -> None:
    (box.root / "some file.yaml").touch()
    (box.root / "some directory").mkdir()

    with shell(name, box) as it:
        it.completes("process-control lint some\\ f", to="<lint><some file.yaml>")
        it.completes("process-control import original --output some", to="<--output><some directory")


@pytest.mark.parametrize("name", SHELLS)
def test_the_ids_of_runs_are_completed(name: str, jobs: Box) -> None:
    jobs.run("purge")
    run_id = jobs.history("purge")[0]["run_id"]

    with shell(name, jobs) as it:
        it.completes(f"process-control logs --run {run_id[:4]}", to=f"<logs><--run><{run_id}>")
        it.completes(f"process-control logs purge --run={run_id[:4]}", to=f"<logs><purge><--run={run_id}>")


@pytest.mark.parametrize("name", SHELLS)
def test_the_ids_of_open_incidents_and_hosts_are_completed(name: str, jobs: Box) -> None:
    jobs.configure(fleet={"hosts": {"prod": ["web1", "ops@db1"], "test": "vm7"}})
    directory = jobs.state_directory / "incidents/open"
    directory.mkdir(parents=True)
    (directory / "purge~01k7incident0000.json").write_text("{}")

    with shell(name, jobs) as it:
        it.completes("process-control ack pu", to="<ack><purge~01k7incident0000>")
        it.completes("process-control timers --host @p", to="<timers><--host><@prod>")
        it.completes("process-control check --host=vm7,ops@d", to="<check><--host=vm7,ops@db1>")


@pytest.fixture
def checkout(jobs: Box) -> Checkout:
    """The jobs in git, with a branch, a tag, and a branch that only looks like a command."""
    made = Checkout.at(jobs.job_directory)
    made.commit()
    for name in ("feature/zone", "zz$(>HIT)"):
        made.git("branch", name)
    made.git("tag", "v1.0")
    return made


@pytest.mark.parametrize("name", SHELLS)
def test_one_revision_and_the_one_behind_the_dots_are_completed(name: str, jobs: Box, checkout: Checkout) -> None:
    with shell(name, jobs) as it:
        it.completes("process-control plan fea", to="<plan><feature/zone>")
        it.completes("process-control plan v1", to="<plan><v1.0>")
        it.completes("process-control plan main..fea", to="<plan><main..feature/zone>")
        it.completes("process-control plan v1.0...HE", to="<plan><v1.0...HEAD>")
        it.completes("process-control plan --days 3 ma", to="<plan><--days><3><main>")
        it.offers("process-control plan main..", "main..HEAD", "main..feature/zone", "main..v1.0")


@pytest.mark.parametrize("name", SHELLS)
def test_a_hostile_branch_is_quoted_and_never_executed(name: str, jobs: Box, checkout: Checkout) -> None:
    with shell(name, jobs) as it:
        it.completes("process-control plan main..zz", to="<plan><main..zz$(>HIT)>")

    assert not (jobs.root / "HIT").exists()


def test_revisions_are_told_of_a_checkout_only_and_without_a_word_of_git(jobs: Box) -> None:
    outside = jobs.run_job("--complete", "revisions", "main..")
    empty = Checkout.at(jobs.job_directory)
    unborn = jobs.run_job("--complete", "revisions")
    commit = empty.commit()
    empty.git("update-ref", "refs/remotes/origin/main", commit)
    inside = jobs.run_job("--complete", "revisions")
    (jobs.job_directory / ".git" / "HEAD").write_text("nonsense\n")
    broken = jobs.run_job("--complete", "revisions")

    for result in (outside, unborn, broken):
        assert (result.stdout, result.stderr, result.exit_code) == ("", "", 0)
    assert inside.stdout == "HEAD\nmain\norigin/main\n"


@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize("flag", ["--config {}", "--config={}"])
def test_the_configuration_that_the_line_names_tells_the_jobs(name: str, flag: str, box: Box, make_box) -> None:  # type: ignore[no-untyped-def]
    other = make_box()
    other.job("elsewhere", "command: /bin/true")
    named = flag.format(other.configuration)

    with shell(name, box) as it:
        it.completes(f"run-job {named} else", to=f"{''.join(f'<{word}>' for word in named.split())}<elsewhere>")


@pytest.mark.parametrize("name", SHELLS)
def test_another_command_on_the_same_line_does_not_confuse_it(name: str, jobs: Box) -> None:
    with shell(name, jobs) as it:
        it.completes("true; run-job pu", to="<purge>")
        it.completes("true && process-control list back", to="<list><backup-all>")


@pytest.mark.parametrize("name", SHELLS)
def test_a_hostile_tag_is_quoted_and_never_executed(name: str, box: Box) -> None:
    hostile = ["$(>HIT)", "`>HIT`", "it's", "x;>HIT", "a&&>HIT", '"', "é*?[a]", "a:b=c", "$HOME"]
    tags = [f"zz{number}{text}" for number, text in enumerate(hostile)]
    box.job("purge", f"command: /bin/true\ntags: {json.dumps(tags, ensure_ascii=False)}")

    with shell(name, box) as it:
        for number, tag in enumerate(tags):
            it.completes(f"process-control list tag:zz{number}", to=f"<list><tag:{tag}>")

    assert not (box.root / "HIT").exists()


@pytest.mark.parametrize("name", SHELLS)
def test_files_with_hostile_names_are_not_offered_and_never_executed(name: str, box: Box) -> None:
    for hostile in ("zz$(touch HIT)", "zz`touch HIT`", "zz;touch HIT", "zz a", "zz\n", "-zz"):
        (box.job_directory / f"{hostile}.yaml").write_text("name: A\ncommand: a\n")
    box.job("zz-good", "command: /bin/true")

    with shell(name, box) as it:
        it.completes("run-job zz", to="<zz-good>")

    assert not (box.root / "HIT").exists()


@pytest.mark.parametrize("name", SHELLS)
def test_what_cannot_be_told_is_silent(name: str, box: Box) -> None:
    assert box.configuration is not None
    box.configuration.write_text("job_directry: [\n")

    with shell(name, box) as it:
        it.completes("run-job --config /no/such/file zz", to="<--config></no/such/file><zz>")
        it.completes("run-job yy", to="<yy>")
        told = it.live.seen()

    assert "hint" not in told
    assert "no such" not in told.replace("/no/such", "")


# --- what the shells ask ---------------------------------------------------------------------------------------------


def test_the_names_of_jobs_are_told_without_anything_heavy(jobs: Box) -> None:
    notes = jobs.root / "notes"
    notes.touch()
    command = [*jobs.product.python, "-I", "-S", "-c", WITNESS, str(notes), str(jobs.product.stub)]
    jobs.run_job("--complete", "slugs")  # fills the cache

    result = jobs.command([*command, "--complete", "slugs"])

    assert result.stdout == "backup-all\nbroken\npurge\n"
    assert forbidden_in(notes.read_text().splitlines()) == []


@pytest.mark.parametrize("arguments", [["--complete", "nonsense"], ["--complete=slugs", "--config", "/no/such"]])
def test_an_offer_that_fails_is_empty(box: Box, arguments: list[str]) -> None:
    result = box.run_job(*arguments)

    assert (result.stdout, result.stderr, result.exit_code) == ("", "", 0)


@pytest.mark.needs_root
def test_members_of_the_read_group_are_offered_jobs_and_root_looks_as_the_service_user(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(service_user=SERVICE_USER, read_group="nogroup")
    box.job("purge", "command: /bin/true")
    box.run("purge")

    for user in (None, SERVICE_USER, STRANGER):
        assert box.run_job("--complete", "slugs", user=user).stdout == "purge\n"
    assert "purge succeeded" in box.run_job("--complete", "runs").stdout

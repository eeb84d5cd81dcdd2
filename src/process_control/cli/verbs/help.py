"""`help`: what a verb does, and the pages of documentation, for whoever types the word."""

from collections.abc import Sequence
from pathlib import Path

import click

from process_control.cli.doc_pages import for_readers, page_at, pages, title_of
from process_control.cli.print.output import print_json, print_line
from process_control.cli.print.pager import paged
from process_control.cli.print.plain import is_terminal
from process_control.cli.session import Session, verb
from process_control.cli.verb_group import Verbs
from process_control.core.suggestions import nearest
from process_control.errors import JobNotFound

#: Commands that are no verbs of ours.
OTHER_COMMANDS = ("run-job", "cron-generate")


def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the verbs and the pages that begin with what was typed."""
    verbs = _verbs(ctx)
    return [name for name in (*verbs, *pages(verbs)) if name.startswith(incomplete)]


@verb("help")
@click.argument("words", nargs=-1, metavar="[VERB|PAGE]...", shell_complete=complete)
@click.option("--pages", "list_pages", is_flag=True, help="List the pages of documentation.")
@click.option("--json", "as_json", is_flag=True, help="With --pages: print JSON.")
@paged
def help_of(session: Session, words: Sequence[str], list_pages: bool, as_json: bool) -> None:  # noqa: ARG001  for the pager
    """Show what a verb does, or a page of documentation; without a word, all verbs."""
    if list_pages and words:
        raise click.UsageError(f"--pages takes no words: {' '.join(words)}", click.get_current_context())
    if list_pages:
        _list_pages(as_json=as_json)
    elif words and words[0] not in _verbs():
        page = _page_named(words[0])
        if len(words) > 1:
            what = f"'{words[0]}' is a page, and nothing can follow it: {' '.join(words[1:])}"
            raise click.UsageError(what, click.get_current_context())
        _show_page(page)
    else:
        _show_verb(words)


def _verbs(ctx: click.Context | None = None) -> list[str]:
    """Return the names of all verbs."""
    root = (ctx or click.get_current_context()).find_root()
    return root.command.list_commands(root) if isinstance(root.command, Verbs) else []


def _page_named(name: str) -> Path:
    """Return the page of that name. Raises UsageError when there is none, with what was probably meant."""
    found = pages(_verbs())
    page = found.get(name) or page_at(name)
    if page is not None:
        return page
    if name in OTHER_COMMANDS:
        what = f"'{name}' is another command\nsee: {name} --help"
        raise click.UsageError(what, click.get_current_context())
    near = nearest(name, [*_verbs(), *found])
    hint = f"did you mean '{near}'?" if near else "see: process-control help --pages"
    raise click.UsageError(f"no verb and no page '{name}'\n{hint}", click.get_current_context())


def _show_page(page: Path) -> None:
    """Print a page: set for a terminal, as it is in a pipe."""
    text = for_readers(page.read_text(encoding="utf-8"))
    if not is_terminal():
        print_line(text.rstrip("\n"))
        return
    from process_control.cli.print.page import show_page

    show_page(text)


def _list_pages(*, as_json: bool) -> None:
    """Print name and title of each page."""
    found = {name: title_of(page) for name, page in pages(_verbs()).items()}
    if as_json:
        print_json({"pages": [{"page": name, "title": title} for name, title in found.items()]})
        return
    if not found:
        raise JobNotFound("no pages of documentation are installed here", hint="see the man pages: man process-control")
    width = max(map(len, found)) + 2
    for name, title in found.items():
        print_line(f"{name:{width}}{title}" if is_terminal() else f"{name}\t{title}")


def _show_verb(words: Sequence[str]) -> None:
    """Print the help of a verb, or of the whole command."""
    ctx = click.get_current_context()
    at = ctx.find_root()
    for word in words:
        if not isinstance(at.command, Verbs):
            raise click.UsageError(f"'{at.command_path}' has no verbs", ctx)
        name, command, _ = at.command.resolve_command(at, [word])
        if command is None:
            raise click.UsageError(f"unknown verb '{word}'", ctx)
        at = click.Context(command, info_name=name, parent=at, **command.context_settings)
    print_line(at.get_help())

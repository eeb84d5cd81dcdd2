"""One command line: the configuration it asks for and the rights it has; and what every verb has in common."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import click

from process_control.actions.rights import become_reader
from process_control.cli.waiting import paths_of
from process_control.cli.whose_jobs import warn_of_own_jobs
from process_control.config.settings import Settings, load_settings
from process_control.system.disk_watch import Paths

JOBS_HELP = "JOB is a slug, a glob in quotes, or tag:NAME; several may be given."


@dataclass(slots=True)
class Session:
    """The options that stand before the verb or behind it."""

    config: str | None = None
    debug: bool = False
    no_pager: bool = False
    #: What the command may read: when it has to wait, it names the disk that does not answer.
    paths: Paths = field(default_factory=Paths)

    def load(self) -> Settings:
        """Return the settings, read with our present rights. Raises BadConfiguration (78), NotPermitted (77)."""
        settings = load_settings(self.config, dict(os.environb))
        self.paths.add(paths_of(settings))
        warn_of_own_jobs(settings)
        return settings

    def settings(self, verb: str, *, may_read: bool = True) -> Settings:
        """Return the settings, having become the service user when we are root.

        Raises NotPermitted (77) for anybody else; `may_read` lets the members of `read_group` in.
        """
        settings = self.load()
        become_reader(settings, command=f"process-control {verb}", may_read=may_read)
        return settings


class Verb(click.Command):
    """A verb: knows --config and --debug wherever they stand, and shows its help for -h."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.context_settings = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
        self.params += options_of_every_verb()


def options_of_every_verb() -> list[click.Parameter]:
    """Return --config, --debug and --no-pager, which may stand behind the verb too."""
    return [
        click.Option(["--config"], metavar="FILE", expose_value=False, hidden=True, callback=_set_config),
        click.Option(["--debug"], is_flag=True, expose_value=False, hidden=True, callback=_set_debug),
        click.Option(["--no-pager"], is_flag=True, expose_value=False, hidden=True, callback=_set_no_pager),
    ]


def verb(name: str, *, cls: type[Verb] = Verb, **attributes: Any) -> Callable[[Callable[..., Any]], Verb]:
    """Make a function the verb `name`; its first argument is the Session."""

    def decorate(function: Callable[..., Any]) -> Verb:
        return click.command(name, cls=cls, **attributes)(click.pass_obj(function))

    return decorate


def _set_config(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(Session).config = value


def _set_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Session).debug = True


def _set_no_pager(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Session).no_pager = True

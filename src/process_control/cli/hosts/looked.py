"""What was asked of hosts, and what they replied: what is to be printed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from process_control.fleet.reply import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was asked, and what was replied."""

    #: `slots --count`: what the answers look like
    form: str
    replies: Sequence[Reply]
    #: the words of the command line for jobs; none: all jobs
    words: Sequence[str]
    #: of the verb's table in a pipe
    columns: Sequence[str]
    #: as the verb has them
    options: Mapping[str, Any]

    @property
    def verb(self) -> str:
        return self.form.partition(" ")[0]

"""What a run meets outside of itself, by name. Steps take what they need from here; nothing in here knows of a run.

Lean module.
"""

from process_control.run.commands import Commands
from process_control.run.group import RunGroup
from process_control.run.lock import JobLock
from process_control.run.log import RunLog
from process_control.run.people import People
from process_control.state.job_state import JobRecord
from process_control.system.clock import SystemClock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings
    from process_control.core.job import Job
    from process_control.run.caller import Caller
    from process_control.system.account import Account


class World:
    """The world as one run of one job meets it."""

    __slots__ = (
        "clock",
        "commands",
        "group",
        "guard",
        "identity",
        "inbox",
        "lock",
        "log",
        "people",
        "settings",
        "store",
    )

    def __init__(self, job: "Job", settings: "Settings", account: "Account", caller: "Caller") -> None:
        #: The configuration, for what is rarely asked: other jobs, the job's file as it is now.
        self.settings = settings
        self.clock = SystemClock()
        #: This process, as the block names it.
        self.identity = caller.identity
        #: The signals that came.
        self.inbox = caller.inbox
        #: The process outside, which ends the run when we cannot.
        self.guard = caller.guard
        #: What is remembered of the job: block, health, journal.
        self.store = JobRecord(settings.state_directory, job.slug)
        #: The job's lock, and the runs that have been under it.
        self.lock = JobLock(job, settings, self.store)
        #: What the commands print.
        self.log = RunLog(job, settings, uid=account.uid)
        #: The control group of the attempt.
        self.group = RunGroup(job)
        #: What the commands are started with.
        self.commands = Commands(job, settings, account, own_commands=caller.own_commands, of_caller=caller.environment)
        #: Whoever is shown, mailed or logged what becomes of it.
        self.people = People(job, settings, account, caller.notifier)

"""The resources of a run: configuration, signals, files, processes. Nothing here depends on the `Run`.

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
    """The resources of one run of one job."""

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
        #: The configuration, for rare needs: other jobs, the job's file as it is now.
        self.settings = settings
        self.clock = SystemClock()
        #: This process, as identified in blocks.
        self.identity = caller.identity
        #: Signals that have arrived.
        self.inbox = caller.inbox
        #: The channel to the guard, which ends the run when we cannot.
        self.guard = caller.guard
        #: The records of the job: block, health, journal.
        self.store = JobRecord(settings.state_directory, job.slug)
        #: The job's lock, and the runs that have held it.
        self.lock = JobLock(job, settings, self.store)
        #: The log, with the output of the commands.
        self.log = RunLog(job, settings, uid=account.uid)
        #: The control group of the current attempt.
        self.group = RunGroup(job)
        #: Environment, directory and limits of the commands.
        self.commands = Commands(job, settings, account, own_commands=caller.own_commands, of_caller=caller.environment)
        #: Reports: terminal, mail, syslog.
        self.people = People(job, settings, account, caller.notifier)

"""Record a refusal for a scheduled start that was killed before it recorded a start, a skip or a refusal.

Lean module, loaded only then. The guard does this; if it was killed too, the next start of the job does, from the
block, before it claims another planned time.
"""

from process_control.errors import RunnerKilled
from process_control.system.clock import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.notify.outbox import Outbox
    from process_control.run.run import Run
    from process_control.run.world import World

REASON = "runner_killed_before_start"


def record_forgotten(run: "Run", world: "World", slot: int) -> None:
    """Record and report the refusal of an earlier start of this job. Never raises."""
    refuse(world.people.outbox, run.asked(), slot, mails=world.people.mails, is_over=True)


def refuse(
    outbox: "Outbox",
    asked: dict[str, object],
    slot: int | None,
    *,
    mails: bool,
    killed: str | None = None,
    is_over: bool = False,
) -> None:
    """Record the refusal of a start whose runner was killed, with its `slot` if it had claimed one. Never raises.

    `killed` is who killed it, in words, as the guard saw it; None when the guard is gone too. `is_over`: a later start
    of the job has got further since.
    """
    from process_control.execution.guard import WAS_KILLED
    from process_control.notify.event import post_refusal

    for_its_slot = "" if slot is None else f" for its planned time {iso(slot)}"
    what = f"the start{for_its_slot} was killed before it was recorded"
    hint = "to see whether the kernel killed it: dmesg"
    if killed not in (None, WAS_KILLED):
        what = f"the start{for_its_slot} hung before it was recorded, and {killed}"
        hint = "does the disk of its configuration, job file, state and logs answer?"
    if slot is not None:
        hint = f"the next start within start_within runs that time; {hint}"
    error = RunnerKilled(what, where=str(asked["job"]), hint=hint)
    asked = {**asked, "reason": REASON, "scheduled_at": None if slot is None else iso(slot)}
    post_refusal(outbox, error, asked, mails=mails, is_over=is_over)

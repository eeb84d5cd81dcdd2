"""One minute of a real cron, shared by all tests that want one: each file of tests adds its scenes to the stage.

    @scene
    def a_backup_under_cron(stage: Stage) -> Done:
        box = stage.box("backup", service_user=SERVICE_USER)
        box.job("backup", ...)
        stage.generate(box)
        return lambda: ends(box, "backup")

A scene prepares what cron will meet, and returns what has to come true in or after the minute. When all has, cron is
stopped, and the tests look at `stage.boxes["backup"]` and `stage.cron`.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from kit.harness import Box, Live, Product
from kit.real_cron import RealCron

Done = Callable[[], object]
Scene = Callable[["Stage"], Done]
SECONDS = 150.0
"""How long the minute may take to come, and all that happens in it."""

EVERY_MINUTE = 'schedule: "* * * * *"'
_SCENES: list[Scene] = []


def scene(play: Scene) -> Scene:
    """Add a scene to the minute that all tests share."""
    _SCENES.append(play)
    return play


@dataclass(slots=True)
class Stage:
    """A cron that has not started yet, and boxes whose crontabs it will run."""

    product: Product
    cron: RealCron
    boxes: dict[str, Box] = field(default_factory=dict)
    lives: dict[str, Live] = field(default_factory=dict)
    contexts: ExitStack = field(default_factory=ExitStack)
    """What has to live as long as the stage: a server that a scene started."""

    def box(self, name: str, *, service_user: str | None = None, **keys: object) -> Box:
        """Make a box that writes its crontab as `name` where cron reads it, and logs where cron does."""
        box = Box.configured(self.product, service_user=service_user, **keys)
        self.boxes[name] = box
        box.configure(output_crontab=str(self.cron.cron_d / name), syslog=None)
        return box

    def generate(self, box: Box, *, exit_code: int = 0) -> None:
        result = box.cron_generate()
        if result.exit_code != exit_code:
            raise AssertionError(f"cron-generate: {result}")

    def run_by_hand(self, box: Box, slug: str) -> Live:
        """Start the job by hand, and leave it running until the stage is cleared."""
        live = self.lives[slug] = box.start(slug)
        return live

    def play(self) -> None:
        """Let the minute come, wait until every scene is done and all that cron started has ended; stop cron."""
        ends = {play.__name__: play(self) for play in _SCENES}
        self.cron.start()
        self.cron.stop_after_one_minute(SECONDS)
        for name, done in ends.items():
            self.cron.wait_for(done, f"the end of scene '{name}'", seconds=SECONDS)
        self.cron.wait_until_idle()
        self.cron.stop()

    def clear(self) -> list[str]:
        """Remove everything; return the processes that were left."""
        self.contexts.close()
        for live in self.lives.values():
            live.close()
        return [process for box in self.boxes.values() for process in box.close()]

"""The drill: incidents as they happen, and whether the answer of `why` leads to the true cause in the night."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kit.harness import Box, Product
from kit.night import LIBRARY, Night
from kit.night_cases import INCIDENTS, Incident

GOLDEN = Path(__file__).parent / "drill"
WRITING = os.environ.get("PROCESS_CONTROL_DOCS") == "write"
pytestmark = [
    pytest.mark.needs_utc,
    pytest.mark.needs_root,
    pytest.mark.skipif(LIBRARY is None, reason="faketime is not installed"),
]


@pytest.fixture
def night_box(request: pytest.FixtureRequest, make_box: Callable[..., Box], tmp_path: Path) -> Iterator[Box]:
    """A host; with the extra of the package that the incident needs."""
    extra, box = request.param, make_box()
    if extra is None:
        yield box
        return
    product: Product = box.product.copy_to(tmp_path / "installation")
    product.add_extra(extra, as_links=True)
    box.product = product
    yield box
    shutil.rmtree(product.prefix)


@pytest.mark.parametrize(
    ("night_box", "incident"),
    [(each.extra, each) for each in INCIDENTS],
    indirect=["night_box"],
    ids=[each.name for each in INCIDENTS],
)
def test_the_answer_leads_to_the_true_cause(night_box: Box, incident: Incident) -> None:
    with ExitStack() as ends:
        night = Night(night_box, ends)
        incident.happens(night)
        night.settle()
        answers = [night.ask(incident.asked, f"process-control why backup {incident.time}")]
        if incident.second is not None:
            named = [line.partition(incident.second)[1:] for line in answers[0].splitlines() if incident.second in line]
            assert named, answers[0]
            answers.append(night.ask(incident.asked, "".join(named[-1])))
    shown = Night.masked("\n".join(answers))
    golden = GOLDEN / f"{incident.name}.txt"
    if WRITING:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown)

    assert incident.truth in " ".join(shown.split())
    assert _comparable(shown) == _comparable(golden.read_text())
    for answer in answers:
        lines = [line[at : at + 80] for line in answer.splitlines()[1:] for at in range(0, len(line), 80)]
        assert len(lines) <= 24
    assert max(map(len, answers[0].splitlines())) <= 80


def _comparable(text: str) -> list[str]:
    """Return the words, since where lines break depends on the host's name."""
    return text.split()

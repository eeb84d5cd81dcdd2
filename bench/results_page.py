"""What a bench leaves in docs/performance.md, between its marks: table, milliseconds, plot and waterfall."""

from collections.abc import Collection
from pathlib import Path

import cold
import waterfall
from drawing import draw_goals, draw_waterfall
from machine import in_words
from measuring import Row
from results import NAME_WIDTH, Results, amount, goal_of, in_milliseconds, spread_of

MARK, END_MARK = "<!-- {name}: written by `make bench KEEP=1` -->", "<!-- end of {name} -->"


def write_page(results: Results, page: Path, whole: Collection[str] = ()) -> None:
    """Write what was measured into the page, and the drawings beside it. What was not measured stays as it is."""
    is_whole = set(results.found) >= set(whole)
    said = f"{results.machine['date']}, {in_words(results.machine)}"
    if results.is_quick:
        said = f"QUICK, no figure counts; {said}"
    if results.rows and not is_whole:
        _put(page, "bench", _with_new_rows(_between(page, "bench"), results))
    elif results.rows:
        page.with_suffix(".svg").write_text(draw_goals(results.rows, said))
        _put(page, "bench", table_in_markdown(results, said, page.with_suffix(".svg").name))
    found = results.found.get(waterfall.FAMILY)
    if found is not None and found.steps:
        bare = results.found[cold.FAMILY].costs.get(cold.BARE) if cold.FAMILY in results.found else None
        milliseconds = None if bare is None else 1000 * sorted(cost.wall for cost in bare)[len(bare) // 2]
        drawing = page.with_name(f"{page.stem}-waterfall.svg")
        drawing.write_text(draw_waterfall(found.steps, said, bare_milliseconds=milliseconds))
        _put(page, "waterfall", steps_in_markdown(found.steps, said, drawing.name))


def table_in_markdown(results: Results, said: str, drawing: str) -> list[str]:
    lines = [f"{said}:", "", f"![Each figure as a part of what its goal allows]({drawing})", ""]
    lines += ["| measure | against | | median | p10 – p90 | rounds | goal | |", "|---|---|---|--:|---|--:|---|---|"]
    lines += [_row(row) for row in results.rows]
    lines += ["", "What each contender took, at the median:", "", "```text", *in_milliseconds(results), "```"]
    if results.peers:
        versions = ", ".join(f"{name} {version}" for name, version in results.peers.items())
        lines += ["", f"Programs of others: {versions}."]
    return lines + [line for note in results.all_notes for line in ("", f"Note: {note}.")]


def _with_new_rows(lines: list[str], results: Results) -> list[str]:
    """Return the lines between the marks with the rows and the milliseconds of a part in place of those before."""
    rows = {_cells(_row(row)): _row(row) for row in results.rows}
    lines = [rows.pop(_cells(line), line) for line in lines]
    end = max(number for number, line in enumerate(lines) if line.startswith("| ")) + 1
    lines[end:end] = rows.values()
    costs = {line[:NAME_WIDTH].rstrip(): line for line in in_milliseconds(results)}
    lines = [costs.pop(line[:NAME_WIDTH].rstrip(), line) for line in lines]
    end = max(number for number, line in enumerate(lines) if line == "```")
    lines[end:end] = costs.values()
    return _with_new_notes(lines, results)


def _with_new_notes(lines: list[str], results: Results) -> list[str]:
    """Return the lines with the notes of a part; each takes the place of one that begins alike, up to its colon."""
    for note in results.all_notes:
        beginning = f"Note: {note.partition(':')[0]}:"
        while old := [number for number, line in enumerate(lines) if line.startswith(beginning)]:
            del lines[old[0] - 1 : old[0] + 1]
        lines += ["", f"Note: {note}."]
    return lines


def _cells(line: str) -> str:
    """Return what names a row of the table: what was measured, against what, and how."""
    return "|".join(line.split(" | ")[:3])


def _row(row: Row) -> str:
    verdict = f"**{row.verdict}**" if row.verdict == "missed" else row.verdict
    cells = [
        _code(row.what), _code(row.against), row.measure, amount(row.median, row.unit), spread_of(row),
        str(row.rounds), goal_of(row), verdict,
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    return text.replace("|", "\\|").replace(">", "\\>")


def steps_in_markdown(steps: list[dict[str, object]], said: str, drawing: str) -> list[str]:
    lines = [f"{said}:", "", f"![The steps of a cold run, one after the other]({drawing})", ""]
    lines += ["| step | ms | of it imports |", "|---|--:|--:|"]
    lines += [f"| {step['step']} | {step['milliseconds']:.2f} | {step['imports']:.2f} |" for step in steps]
    whole, imports = (sum(float(str(step[name])) for step in steps) for name in ("milliseconds", "imports"))
    return [*lines, f"| **all** | **{whole:.2f}** | **{imports:.2f}** |"]


def _between(page: Path, name: str) -> list[str]:
    rest = page.read_text().partition(MARK.format(name=name))[2]
    return rest.partition(END_MARK.format(name=name))[0].strip("\n").split("\n")


def _put(page: Path, name: str, lines: list[str]) -> None:
    mark, end_mark = MARK.format(name=name), END_MARK.format(name=name)
    before, found, rest = page.read_text().partition(mark)
    if not found:
        raise SystemExit(f"{page} has no place for it: {mark}")
    _, _, after = rest.partition(end_mark)
    page.write_text("\n".join([before + mark, *lines, end_mark]) + after)

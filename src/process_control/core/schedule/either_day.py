"""An expression that restricts both day columns: cron takes it for "or", and most people mean "and". Pure."""

from process_control.core.schedule.columns import WEEKDAYS
from process_control.core.schedule.cron_fields import Terms
from process_control.core.schedule.schedule import Expression


def is_either_day(expression: Expression) -> bool:
    """Return whether one of the two day columns is enough, see crontab(5)."""
    _, _, days, _, weekdays = expression.terms
    return not days[0].star and not weekdays[0].star


def without_weekday(expression: Expression) -> str:
    """Return the expression as it is written, its day of the week replaced by a star."""
    return " ".join([*expression.written.split()[:4], "*"])


def weekday_test(expression: Expression, time_zone: str | None) -> str:
    """Return a condition for `only_if` that holds on the weekdays of the expression."""
    numbers = _iso_weekdays(expression.terms[4])
    date = f"TZ={time_zone} date +%u" if time_zone else "date +%u"
    if len(numbers) == 1:
        return f"sh -c 'test $({date}) = {numbers[0]}'"
    return f"sh -c '{date} | grep -q [{''.join(map(str, numbers))}]'"


def _iso_weekdays(terms: Terms) -> list[int]:
    """Return the weekdays from Monday, 1, to Sunday, 7, as date(1) counts them."""
    return sorted({value % len(WEEKDAYS) or len(WEEKDAYS) for term in terms for value in term.values})

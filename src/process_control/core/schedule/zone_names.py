"""The hint for a name that is no time zone: the place that is meant, never a zone with a similar name. Pure."""

import difflib
import re
from collections.abc import Collection

PLACE_HINT = "a zone is named by a place, such as Europe/Berlin, or UTC"
PLACES = {
    "PST": "America/Los_Angeles", "PDT": "America/Los_Angeles", "PT": "America/Los_Angeles",
    "MDT": "America/Denver", "CDT": "America/Chicago", "CST": "America/Chicago or Asia/Shanghai",
    "EDT": "America/New_York", "ET": "America/New_York", "AKST": "America/Anchorage", "AKDT": "America/Anchorage",
    "AST": "America/Halifax or Asia/Riyadh", "BRT": "America/Sao_Paulo",
    "BST": "Europe/London", "WEST": "Europe/Lisbon", "CEST": "Europe/Berlin", "MEZ": "Europe/Berlin",
    "MESZ": "Europe/Berlin", "EEST": "Europe/Helsinki", "MSK": "Europe/Moscow",
    "IST": "Asia/Kolkata, Europe/Dublin or Asia/Jerusalem", "PKT": "Asia/Karachi", "ICT": "Asia/Bangkok",
    "WIB": "Asia/Jakarta", "SGT": "Asia/Singapore", "HKT": "Asia/Hong_Kong", "PHT": "Asia/Manila",
    "JST": "Asia/Tokyo", "KST": "Asia/Seoul", "AWST": "Australia/Perth", "ACST": "Australia/Adelaide",
    "AEST": "Australia/Sydney", "AEDT": "Australia/Sydney", "NZST": "Pacific/Auckland", "NZDT": "Pacific/Auckland",
    "SAST": "Africa/Johannesburg", "EAT": "Africa/Nairobi", "CAT": "Africa/Maputo", "WAT": "Africa/Lagos",
}  # fmt: skip
#: The first parts of names that Debian has in the package tzdata-legacy.
OLD_REGIONS = ("US", "Canada", "Brazil", "Chile", "Mexico")
OLD_PLACES = {
    "US/Eastern": "America/New_York", "US/Central": "America/Chicago", "US/Mountain": "America/Denver",
    "US/Pacific": "America/Los_Angeles", "US/Alaska": "America/Anchorage", "US/Hawaii": "Pacific/Honolulu",
    "US/Arizona": "America/Phoenix", "Canada/Eastern": "America/Toronto", "Canada/Pacific": "America/Vancouver",
    "Canada/Atlantic": "America/Halifax", "Canada/Central": "America/Winnipeg", "Brazil/East": "America/Sao_Paulo",
    "GB": "Europe/London", "Eire": "Europe/Dublin", "Portugal": "Europe/Lisbon", "Poland": "Europe/Warsaw",
    "Turkey": "Europe/Istanbul", "Israel": "Asia/Jerusalem", "Iran": "Asia/Tehran", "PRC": "Asia/Shanghai",
    "ROC": "Asia/Taipei", "ROK": "Asia/Seoul", "Japan": "Asia/Tokyo", "Singapore": "Asia/Singapore",
    "Hongkong": "Asia/Hong_Kong", "NZ": "Pacific/Auckland", "Asia/Calcutta": "Asia/Kolkata",
    "Asia/Saigon": "Asia/Ho_Chi_Minh", "Asia/Katmandu": "Asia/Kathmandu", "Europe/Kiev": "Europe/Kyiv",
}  # fmt: skip
_ABBREVIATION = re.compile(r"[A-Z]{1,5}")
_OFFSET = re.compile(r"(?P<zone>UTC|GMT|Z)? ?(?P<sign>[+-])(?P<hours>[0-9]{1,2})(?::?00)?", re.IGNORECASE)
_FURTHEST_EAST, _FURTHEST_WEST = 14, 12


def hint_for(name: str, zones: Collection[str]) -> str:
    """Return the hint for `name`, which is none of `zones`."""
    if name.upper() in ("Z", "UTC", "UTC+0", "UTC-0", "UTC+00:00", "+00:00"):
        return "did you mean 'UTC'?"
    if name in OLD_PLACES or name.partition("/")[0] in OLD_REGIONS:
        place = OLD_PLACES.get(name, "a place such as America/New_York")
        return f"an old name: write {place}, or install tzdata-legacy"
    if name.upper() in PLACES:
        return f"a zone is named by a place, here {PLACES[name.upper()]}"
    offset = _OFFSET.fullmatch(name)
    if offset is not None:
        return _offset_hint(offset)
    if _ABBREVIATION.fullmatch(name):
        return PLACE_HINT
    near = _nearest(name, zones)
    return f"did you mean '{near}'?" if near else PLACE_HINT


def _offset_hint(offset: re.Match[str]) -> str:
    """Return the hint for an offset from UTC: IANA's names have the opposite sign (`Etc/GMT-2`)."""
    hours, is_east = int(offset["hours"]), offset["sign"] == "+"
    is_known = hours <= (_FURTHEST_EAST if is_east else _FURTHEST_WEST)
    if (offset["zone"] or "UTC").upper() == "GMT" or not hours or not is_known:
        return PLACE_HINT
    return f"{PLACE_HINT}; UTC{offset['sign']}{hours} all year is Etc/GMT{'-' if is_east else '+'}{hours}"


def _nearest(name: str, zones: Collection[str]) -> str | None:
    """Return the zone in the named region whose place has a similar spelling; None for a region alone."""
    wanted = name.lower().replace(" ", "_")
    region, _, place = wanted.rpartition("/")
    if not place or any(zone.lower().startswith(f"{wanted}/") for zone in zones):
        return None
    places = {zone.lower().rpartition("/")[2]: zone for zone in sorted(zones) if zone.lower().startswith(region)}
    near = difflib.get_close_matches(place, places, n=1, cutoff=0.8 if region else 1.0)
    return places[near[0]] if near else None

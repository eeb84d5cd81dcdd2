"""The key `fleet.hosts`: groups of other hosts that run process-control."""

from process_control.config.keys.field import Field
from process_control.config.keys.kind import Kind, refuse, text_or_none
from process_control.config.keys.list_kinds import list_of
from process_control.config.yaml.nodes import Faults, Map, Node, quoted
from process_control.core.host_name import GROUP_FORM, HOST_FORM, is_group, is_host


def _read_host(key: str, node: Node, faults: Faults) -> str | None:
    text = text_or_none("a host", HOST_FORM, key, node, faults)
    if text is not None and not is_host(text.strip()):
        faults.add(f"'{key}' must be a host, not {quoted(text)}", node, hint=f"write {HOST_FORM}")
    return None if text is None else text.strip()


_HOSTS_OF_A_GROUP = list_of(
    Kind(name="host", wanted="a host", form=HOST_FORM, annotation="str", read=_read_host),
    name="host or list",
    wanted="a host or a list of hosts",
    form=f"{HOST_FORM}, or a list of them",
)


def _read_groups(key: str, node: Node, faults: Faults) -> dict[str, list[str]]:
    if not isinstance(node, Map):
        refuse("a map", HOSTS.form, key, node, faults, hint=f"write {key}: {{prod: [web1, web2]}}")
        return {}
    found = {}
    for name, value in node.entries:
        if not is_group(name.value):
            faults.add(f"'{key}' has an impossible name: {quoted(name.value)}", name, hint=GROUP_FORM)
        found[name.value] = _HOSTS_OF_A_GROUP.read(f"{key}.{name.value}", value, faults)
    return found


HOSTS = Kind(
    name="map of names to hosts",
    wanted="a map",
    form="a map of groups, each with its hosts: {prod: [web1, ops@web2]}",
    annotation="dict[str, list[str]]",
    read=_read_groups,
)

HOSTS_FIELD = Field(
    key="hosts",
    kind=HOSTS,
    attribute="fleet_hosts",
    default={},
    default_words="none",
    meaning="Groups of hosts by name, for `--host @NAME` of the commands that look at jobs. A host is what ssh takes: "
    "a name, an alias of `~/.ssh/config` or an address, with `USER@` in front where the account is another one.",
    example="{prod: [web1, ops@web2], test: vm7}",
)

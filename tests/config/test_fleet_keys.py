"""The key `fleet.hosts`: groups of hosts, none of which ssh could take for an option."""

import pytest

from process_control.config.configuration import read_configuration
from process_control.errors import BadConfiguration

FORM = "write a host as ssh knows it, web1 or ops@web1.example.org"


def test_groups_of_hosts_are_read() -> None:
    text = b"fleet: {hosts: {prod: [web1, ops@web2.example.org, web1], test: '2001:db8::7'}}\n"
    groups = {"prod": ["web1", "ops@web2.example.org"], "test": ["2001:db8::7"]}
    assert read_configuration(text, "/pc.yaml") == {"fleet_hosts": groups}


@pytest.mark.parametrize(
    ("hosts", "what", "hint"),
    [
        ("[web1]", "'fleet.hosts' must be a map, not a list", "write fleet.hosts: {prod: [web1, web2]}"),
        ("{prod: []}", "'fleet.hosts.prod' is an empty list", f"{FORM}, or a list of them, or remove the line"),
        ("{'a b': web1}", "'fleet.hosts' has an impossible name: 'a b'", "letters, digits, - and _, at most 64"),
        ("{prod: -oProxyCommand=x}", "'fleet.hosts.prod' must be a host, not '-oProxyCommand=x'", FORM),
        ("{prod: [web1, 'ops@-x']}", "'fleet.hosts.prod' must be a host, not 'ops@-x'", FORM),
        ("{prod: 'web1;reboot'}", "'fleet.hosts.prod' must be a host, not 'web1;reboot'", FORM),
        ("{prod: '%h'}", "'fleet.hosts.prod' must be a host, not '%h'", FORM),
    ],
)
def test_what_is_no_host_is_refused_with_a_hint(hosts: str, what: str, hint: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        read_configuration(f"fleet: {{hosts: {hosts}}}\n".encode(), "/pc.yaml")
    assert [(fault.what, fault.hint.startswith(hint)) for fault in caught.value.faults] == [(what, True)]

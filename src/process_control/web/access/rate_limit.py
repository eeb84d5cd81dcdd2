"""How often somebody may try a password: by account and by address, so that one who guesses keeps nobody else out."""

import ipaddress
import threading
import time
from collections import OrderedDict

#: Failures in a row that cost nothing: people mistype; many people may share one address.
FREE_OF_NAME, FREE_OF_ADDRESS = 5, 20
#: Then each failure doubles the pause, up to this many seconds.
MAX_PAUSE_OF_NAME, MAX_PAUSE_OF_ADDRESS = 60.0, 300.0
#: After so long without a failure all is forgotten.
FORGET_SECONDS = 900.0
MAX_KNOWN = 10_000
#: Whoever has one IPv6 address has all of its network.
_NETWORK_BITS = 64


class RateLimit:
    """Counts failures by account and by address.

    A success forgets those of the account, not those of the address: else a login of one's own between the guesses
    would make them free. For somebody who has logged in from there before, only failures of this name from there count.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: (failures, time of the last one), least recently failed first
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        #: (name, address) that have logged in
        self._proven: OrderedDict[tuple[str, str], None] = OrderedDict()

    def begin(self, name: str, address: str, *, now: float | None = None) -> float:
        """Return how many seconds to wait; 0: a try may be made, and counts as failed until it has succeeded."""
        moment = time.monotonic() if now is None else now
        with self._lock:
            keys = self._keys(name, address)
            if pause := max(self._pause(key, moment) for key in keys):
                return pause
            for key in keys:
                count, last = self._failures.pop(key, (0, moment))
                self._failures[key] = (1 if moment - last > FORGET_SECONDS else count + 1, moment)
            _shrink(self._failures)
        return 0.0

    def succeeded(self, name: str, address: str) -> None:
        with self._lock:
            *of_address, of_name = self._keys(name, address)
            self._failures.pop(of_name, None)
            for key in of_address:
                count, last = self._failures.pop(key, (0, 0.0))
                if count > 1:
                    self._failures[key] = (count - 1, last)
            pair = (name, network_of(address))
            self._proven.pop(pair, None)
            self._proven[pair] = None
            _shrink(self._proven)

    def _keys(self, name: str, address: str) -> tuple[str, ...]:
        network = network_of(address)
        if (name, network) in self._proven:
            return (f"name {name} {network}",)
        return f"address {network}", f"name {name}"

    def _pause(self, key: str, moment: float) -> float:
        count, last = self._failures.get(key, (0, 0.0))
        of_address = key.startswith("address ")
        free = FREE_OF_ADDRESS if of_address else FREE_OF_NAME
        if count < free or moment - last > FORGET_SECONDS:
            return 0.0
        pause = min(MAX_PAUSE_OF_ADDRESS if of_address else MAX_PAUSE_OF_NAME, 2.0 ** min(count - free, 20))
        return max(0.0, last + pause - moment)


def network_of(address: str) -> str:
    """Return the address, or the network that whoever has it has too; what is no address stays as it is."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_loopback:
        return "loopback"  # an account of this host has 16 million addresses
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((int(found), _NETWORK_BITS), strict=False))


def _shrink(known: "OrderedDict[str, tuple[int, float]] | OrderedDict[tuple[str, str], None]") -> None:
    while len(known) > MAX_KNOWN:
        known.popitem(last=False)

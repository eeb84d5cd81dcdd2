"""How values cross the wire to the server: as JSON, packed when there is much of it."""

import zlib
from collections.abc import Iterable
from dataclasses import replace

from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter, PayloadCodec

#: Below, what people see in the server's own page stays readable.
PACK_ABOVE_BYTES = 16384
_ENCODING = b"binary/zlib"
#: More is no state of a lock: nobody else's bomb is unpacked.
_MAX_BYTES = 1 << 24


class Packed(PayloadCodec):
    """Packs large values: the state of a lock with 100 jobs is the same few words again and again."""

    async def encode(self, payloads: Iterable[Payload]) -> list[Payload]:
        return [_packed(each) if each.ByteSize() > PACK_ABOVE_BYTES else each for each in payloads]

    async def decode(self, payloads: Iterable[Payload]) -> list[Payload]:
        return [_unpacked(each) if each.metadata.get("encoding") == _ENCODING else each for each in payloads]


def _packed(payload: Payload) -> Payload:
    return Payload(metadata={"encoding": _ENCODING}, data=zlib.compress(payload.SerializeToString()))


def _unpacked(payload: Payload) -> Payload:
    return Payload.FromString(zlib.decompressobj().decompress(payload.data, _MAX_BYTES))


#: For each client, and for whoever replays a history.
DATA_CONVERTER = replace(DataConverter.default, payload_codec=Packed())

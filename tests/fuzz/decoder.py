"""Coverage-guided fuzzing of the decoder (``codec.decode_client`` and ``codec.reference_of``).

    python -m tests.fuzz.decoder [-max_total_time=20] [corpus directories]

Whatever the bytes, there is a message or a ``BadMessage``; and what is taken says
the same when it is written and read again, is nested no deeper than it may be, and calls nobody by
a name that acts.
"""

import json
import sys
from contextlib import suppress

import atheris

from proxim.protocol import device_names

with atheris.instrument_imports(include=["proxim"]):
    from proxim.protocol import codec
    from proxim.protocol.depth import MAX_DEPTH
    from proxim.protocol.errors import BadMessage
    from proxim.protocol.fields import SEALED_DEVICE
    from proxim.protocol.messages import PairAck, PairDecision, PairRequest, Signal

LONGEST_SEAL = 2048
SEEDS = [
    b'{"type":"register","uuid":"desk","key":"kkkkkkkkkkkkkkkkkkkkkk","seats":["s"]}',
    b'{"type":"create_session","session_type":"temporary","ttl":60,"qr":"svg","ref":"r"}',
    b'{"type":"pair_request","session_id":"s","token":"t","device_info":{"name":"n","id":"i"}}',
    b'{"type":"signal","session_id":"s","data":{"sdp":"v=0","list":[[[1,2.5e3,null]]]}}',
    b'{"type":"create_session","session_type":"one_time","seal":1,"token_hash":"'
    + b"h" * 43
    + b'"}',
    b'{"type":"pair_request","session_id":"s","token":"t","seal":"Ab_-",'
    b'"device_info":{"name":"Sealed device","id":"i"}}',
    b'{"type":"pair_ack","session_id":"s","seal":"Ab_-"}',
    b'{"type":"pair_decision","session_id":"s","approve":true,"seal":"Ab_-"}',
    b'{"type":"pair_decision","session_id":"s","approve":true}',
    b'{"type":"pair_cancel","session_id":"s"}',
    b'{"type":"resume","session_id":"s","resume_token":"t"}',
    b'{"type":"close_session","session_id":"s","x":' + b"[" * 31 + b"]" * 31 + b"}",
]


def depth_of(value: object) -> int:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return 1 + max(map(depth_of, inner), default=0)
    return 0


def judge(data: bytes) -> None:
    address = codec.reference_of(data)
    assert address.ref is None or len(address.ref) <= 64
    try:
        message = codec.decode_client(data)
    except BadMessage:
        return
    again = codec.decode_client(codec.encode(message))
    if isinstance(message, Signal):
        assert isinstance(again, Signal)
        assert bytes(again.data).strip() == bytes(message.data).strip()
    else:
        assert again == message
    assert message.ref is None or address.ref == message.ref
    if isinstance(message, PairAck | PairDecision | PairRequest) and message.seal is not None:
        assert 0 < len(message.seal) <= LONGEST_SEAL
        assert not isinstance(message, PairRequest) or message.device_info.name == SEALED_DEVICE
    if isinstance(message, PairRequest):
        assert (
            device_names.fault(message.device_info.name)
            is device_names.fault(message.device_info.id)
            is None
        )
    with suppress(ValueError):  # A number of thousands of digits is none to Python.
        assert depth_of(json.loads(data)) <= MAX_DEPTH


def main() -> None:
    for seed in SEEDS:
        judge(seed)
    atheris.Setup(sys.argv, judge)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

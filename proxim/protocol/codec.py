"""Encodes and decodes messages (protocol: Transport).

An invalid message is a ``BadMessage``. Its text names the field by its path, and says what is
expected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple, get_args

import msgspec
from msgspec import structs

from proxim.protocol import depth, device_names, fields
from proxim.protocol.errors import BadMessage, RequestError
from proxim.protocol.messages import (
    FEATURES,
    PROTOCOL_VERSION,
    SEAL_VERSION,
    ClientMessage,
    CreateSession,
    DeviceInfo,
    Error,
    NodeMessage,
    PairRequest,
    SessionType,
    Signal,
    Welcome,
)

encode: Callable[[ClientMessage | NodeMessage], bytes] = msgspec.json.Encoder().encode
"""Returns a message as the JSON text of one frame, in UTF-8."""

_client_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)
_node_decoder: msgspec.json.Decoder[NodeMessage] = msgspec.json.Decoder(NodeMessage)

CLIENT_TYPES = tuple(str(struct.__struct_config__.tag) for struct in get_args(ClientMessage))
"""The ``type`` of every message that a client may send."""

_DECODE_ERRORS = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What msgspec raises for bad input; the last two are not a ``DecodeError``."""

_FINDING = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<path>[\w.\[\]]*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<field>\w+)`")
_ALLOWED = {
    "type": ", ".join(CLIENT_TYPES),
    "session_type": ", ".join(SessionType),
    "qr": '"svg"',
    "confirm": '"none", "code"',
    "seal": "1",
}
_HIDDEN_NAME = f'"{fields.SEALED_DEVICE}" with `seal`: the name goes into the seal'
_LONGEST_FIELD = 64
"""The longest unknown field name that an error text repeats, in characters."""
_PATTERNS = {
    "uuid": "1 to 64 characters of A-Z a-z 0-9 . _ : -",
    "key": "22 to 128 base64url characters",
    "token_hash": "a SHA-256 hash as 43 base64url characters",
    "code": "a text of three digits, from 100 to 999",
    "seal": "base64url characters without padding",
    "join_url": "an http or https URL of printable ASCII, without a user and a fragment",
}


def decode_client(frame: str | bytes) -> ClientMessage:
    """Return a client's message. Raises ``BadMessage`` (protocol: Errors)."""
    text = frame if isinstance(frame, str) else _utf8(frame)
    try:
        message = _client_decoder.decode(text)
    except RecursionError:
        raise _too_deep(text) from None
    except _DECODE_ERRORS as error:
        raise BadMessage(_explain(error, _ALLOWED)) from None
    if depth.is_too_deep(text):
        raise _too_deep(text)
    if isinstance(message, PairRequest):
        if message.seal is not None and message.device_info.name != fields.SEALED_DEVICE:
            raise BadMessage(f"`device_info.name` must be {_HIDDEN_NAME}")
        return structs.replace(message, device_info=_checked(message.device_info))
    if isinstance(message, CreateSession) and message.host_name is not None:
        return structs.replace(message, host_name=_checked_name(message.host_name, "host_name"))
    return message


def decode_node(frame: str | bytes) -> NodeMessage:
    """Return a node's message. Raises ``BadMessage`` if this version does not know it.

    The data of a signal is JSON that can be decoded, whatever a node sends.
    """
    text = frame if isinstance(frame, str) else _utf8(frame)
    try:
        message = _node_decoder.decode(text)
    except _DECODE_ERRORS as error:
        raise BadMessage(_explain(error, {})) from None
    if isinstance(message, Signal) and depth.is_too_deep(text):
        raise _too_deep(text)
    return message


class Reference(NamedTuple):
    """The fields of a frame that say to which request and session an answer belongs."""

    ref: str | None
    session_id: str | None


def reference_of(frame: str | bytes) -> Reference:
    """Return ``ref`` and ``session_id`` of a frame that is refused, so that its error has them.

    The frame may be invalid, so that there is no message to ask. Each is None if it is invalid.
    """
    try:
        raw = msgspec.json.decode(frame, type=dict[str, msgspec.Raw])
    except _DECODE_ERRORS:
        return Reference(None, None)
    return Reference(
        _text(raw.get("ref"), fields.Ref), _text(raw.get("session_id"), fields.SessionId)
    )


def error_message(error: RequestError, ref: str | None = None) -> Error:
    """Return the ``error`` message for a refusal."""
    unset = msgspec.UNSET
    return Error(
        code=error.code,
        message=error.message,
        session_id=unset if error.session_id is None else error.session_id,
        retry_after=unset if error.retry_after is None else error.retry_after,
        ref=unset if ref is None else ref,
    )


@lru_cache(4)  # For each connection of a node it is the same.
def welcome(
    server: str, approval_timeout: float, max_message_bytes: int, join_url: str, boot: str
) -> Welcome:
    """Return the ``welcome`` of a node of this version."""
    return Welcome(
        protocol=PROTOCOL_VERSION,
        server=server,
        approval_timeout=approval_timeout,
        max_message_bytes=max_message_bytes,
        features=list(FEATURES),
        seal=SEAL_VERSION,
        join_url=join_url,
        boot=boot,
    )


def _text(raw: msgspec.Raw | None, kind: object) -> str | None:
    if raw is None:
        return None
    try:
        text: str = msgspec.json.decode(raw, type=kind)
    except _DECODE_ERRORS:
        return None
    return text


def _utf8(frame: bytes) -> str:
    """Return the frame as text; msgspec does not check the text of ``Raw`` fields."""
    try:
        return frame.decode()
    except UnicodeDecodeError:
        raise BadMessage("not UTF-8") from None


def _checked(device: DeviceInfo) -> DeviceInfo:
    """Return the device with its name normalised. Raises ``BadMessage`` if it is not allowed."""
    name = _checked_name(device.name, "device_info.name")
    if fault := device_names.fault(device.id):
        raise BadMessage(f"`device_info.id` has {fault}")
    return DeviceInfo(name=name, id=device.id)


def _checked_name(sent: str, field: str) -> str:
    """Return a device's name normalised. Raises ``BadMessage`` if it is not allowed."""
    name = device_names.normalised(sent)
    if len(name) > fields.MAX_NAME:
        raise BadMessage(f"`{field}`: expected `str` of length <= {fields.MAX_NAME}")
    # Both the sent and the normalised name are checked, since either may be displayed.
    for text in (sent, name):
        if fault := device_names.fault(text):
            raise BadMessage(f"`{field}` has {fault}")
    return name


def _too_deep(text: str) -> BadMessage:
    field = depth.too_deep_field(text)
    what = f"`{field}`" if field.isidentifier() and len(field) <= _LONGEST_FIELD else "the JSON"
    return BadMessage(f"{what} is nested too deeply: at most {depth.MAX_DEPTH} levels")


def _explain(error: Exception, allowed: Mapping[str, str]) -> str:
    """Return the error of msgspec in plain words, with the path of the field."""
    if isinstance(error, RecursionError):
        return "the JSON is nested too deeply"
    if isinstance(error, UnicodeError):
        return "not UTF-8"
    if not isinstance(error, msgspec.ValidationError):
        # msgspec also calls half a surrogate pair truncated; it is not text (RFC 7493, 2.1).
        cut = str(error) == "Input data was truncated"
        return (
            "not JSON: it ends too early, or half a surrogate pair" if cut else f"not JSON: {error}"
        )
    finding = _FINDING.fullmatch(str(error))
    assert finding is not None
    what, path = finding["what"], finding["path"] or ""
    missing = _MISSING.match(what)
    if missing:
        return f"`{'.'.join(filter(None, (path, missing['field'])))}` is missing"
    if not path:
        return "a message is one JSON object with a `type`"
    if what.startswith("Invalid"):
        return f"`{path}` must be one of: {allowed.get(path, 'what this version knows')}"
    if "matching regex" in what:
        return f"`{path}` must be {_PATTERNS[path]}"
    return f"`{path}`: {what[0].lower()}{what[1:]}"

"""An older node and an older client, with the first version of the protocol and no more."""

from tests.client.between import DOWN, UP, Between

_FIELDS = """
register: uuid key access_token seats
create_session: session_type ttl token_hash qr
renew_link: session_id token_hash qr
pair_decision: session_id approve
list_sessions:
close_session: session_id
pair_request: session_id token device_info
resume: session_id resume_token
signal: session_id data
refresh_ice: session_id
ping:
welcome: protocol server approval_timeout max_message_bytes
registered: uuid sessions key
session_created: session pair_within link token qr_svg
link_renewed: session_id pair_within link token qr_svg
sessions: sessions
pair_prompt: session_id device_info expires_in
pair_pending: session_id resume_token expires_in session_type
pair_result: session_id status device_info ice_servers ice_ttl
resumed: session host_online ice_servers expires_in ice_ttl
peer_online: session_id
peer_offline: session_id
ice_servers: session_id ice_servers ttl
session_ended: session_id status reason
pong:
error: code message session_id retry_after
"""
FIELDS = {
    kind: {"type", "ref", *names.split()}
    for kind, _, names in (line.partition(":") for line in _FIELDS.split("\n")[1:-1])
}
_LATER_OF_A_SESSION = {"confirm", "seal"}


class FirstVersion(Between):
    """A proxy that passes on the first version alone.

    To a client behind it the node is an older one; to the node the client is. ``later`` has the
    fields and messages of later versions that each of them has sent.
    """

    def __init__(self, node):
        super().__init__(node)
        self.later = {UP: set(), DOWN: set()}

    def pass_on(self, message, way, connection):
        kind = message["type"]
        if kind not in FIELDS:
            self.later[way].add(kind)
            return None
        self.later[way] |= {f"{kind}.{name}" for name in message.keys() - FIELDS[kind]}
        known = {name: value for name, value in message.items() if name in FIELDS[kind]}
        if "session" in known:
            known["session"] = _first(known["session"])
        if "sessions" in known:
            known["sessions"] = [_first(session) for session in known["sessions"]]
        return known


def _first(session):
    return {name: value for name, value in session.items() if name not in _LATER_OF_A_SESSION}

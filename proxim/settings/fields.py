"""The definition of every setting."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from msgspec import Meta, Struct

from proxim.actors.limits import LimitSettings
from proxim.backends.redis import ClusterOptions
from proxim.ice import IceOptions
from proxim.net.access import Rules
from proxim.net.limits import Limits
from proxim.net.token_bucket import TokenBucket
from proxim.protocol.errors import InvalidSetting
from proxim.redact import represent
from proxim.session.budget import Budget
from proxim.session.events import Terms
from proxim.settings.checks import MAX_LABEL, check_join_url, check_texts, split_endpoint
from proxim.settings.help import Help, Metavar, secrets_of

MIN_KEY_LENGTH = 32
"""Minimum number of characters of a key."""

YEAR = 365 * 86_400.0
DEFAULT_HOST = "127.0.0.1"

_COUNT, _BYTES, _SECONDS = Metavar("COUNT"), Metavar("BYTES"), Metavar("SECONDS")
_Count = Annotated[int, Meta(ge=0, le=1_000_000_000), _COUNT]
_Positive = Annotated[int, Meta(ge=1, le=1_000_000_000), _COUNT]
_PerSecond = Annotated[float, Meta(ge=0, le=1_000_000), _COUNT]
_Bytes = Annotated[int, Meta(ge=1, le=1_000_000_000), _BYTES]
_Total = Annotated[int, Meta(ge=0, le=1_000_000_000_000), _BYTES]
_Seconds = Annotated[float, Meta(gt=0, le=86_400), _SECONDS]
_UpToAnHour = Annotated[float, Meta(gt=0, le=3600), _SECONDS]
_ZeroToAnHour = Annotated[float, Meta(ge=0, le=3600), _SECONDS]
_UpToAYear = Annotated[float, Meta(gt=0, le=YEAR), _SECONDS]
_Secret = Annotated[str, Meta(min_length=1, max_length=512)] | None
_Url = Annotated[Annotated[str, Meta(min_length=1, max_length=2048)] | None, Metavar("URL")]
_Urls = Annotated[tuple[str, ...], Metavar("URL")]
_File = Annotated[str | None, Metavar("FILE")]
_Subset = TypeVar("_Subset", bound=Struct)

GROUPS = {
    "host": "Network",
    "tls_cert": "TLS",
    "approval_timeout": "Sessions",
    "access_token": "Access",
    "stun": "ICE",
    "head_size": "Limits",
    "metrics_listen": "Metrics",
    "cluster": "Cluster",
    "log_level": "Logging",
}
"""The first setting of each group in the help."""


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of a node. Raises ``InvalidSetting`` if some exclude each other."""

    host: Annotated[
        str, Help("Address to listen on; :: means all of IPv4 and IPv6.", "ADDRESS")
    ] = DEFAULT_HOST
    port: Annotated[
        int, Meta(ge=0, le=65535), Help("Port to listen on; 0 means a free port.", "PORT")
    ] = 8765
    lan: Annotated[bool, Help("Listen on all addresses, for devices in the same network.")] = False
    announce: Annotated[
        Annotated[str, Meta(min_length=1, max_length=MAX_LABEL)] | None,
        Help(
            "Name under which `proxim nodes` finds the node; needs the extra lan.",
            "NAME",
            flag_value="Proxim",
        ),
    ] = None
    public_url: Annotated[
        str | None, Help("URL that links begin with, if not the address of the node.", "URL")
    ] = None
    join_url: Annotated[
        _Url, Help("Page of your own that links lead to, instead of the page of the node.")
    ] = None
    tls_cert: Annotated[_File, Help("Certificate chain, a PEM file; needs --tls-key.")] = None
    tls_key: Annotated[_File, Help("Private key, a PEM file; needs --tls-cert.")] = None
    approval_timeout: Annotated[_UpToAnHour, Help("Time to approve a guest.")] = 40.0
    qr_ttl: Annotated[_UpToAYear, Help("Lifetime of a link.")] = 300.0
    max_link_ttl: Annotated[
        _UpToAYear, Help("Longest lifetime of a link that a host keeps for a known device.")
    ] = 90 * 86_400.0
    one_time_grace: Annotated[
        _ZeroToAnHour, Help("Time that a side of a one-time session may be offline.")
    ] = 0.0
    sweep_interval: Annotated[
        _UpToAnHour, Help("Time between removals of ended sessions from memory.")
    ] = 30.0
    idle_days: Annotated[
        float,
        Meta(ge=0, le=3650),
        Metavar("DAYS"),
        Help("Days after which a session ends if both sides are offline; 0 means never."),
    ] = 0.0
    store: Annotated[
        str | None,
        Help(
            "File that keeps persistent sessions across restarts, as sqlite:///PATH; "
            "without it the node writes nothing to disk.",
            "URL",
        ),
    ] = None
    store_key: Annotated[
        str | None,
        Help(
            "Key of 32 or more characters that encrypts the store; set it in the environment.",
            "KEY",
            is_secret=True,
        ),
    ] = None
    access_token: Annotated[
        _Secret,
        Help(
            "Token that hosts need to register; without it every host can.", "TOKEN", is_secret=True
        ),
    ] = None
    require_seal: Annotated[
        bool, Help("Open sealed sessions only, in which the node learns no names.")
    ] = False
    allow_origin: Annotated[
        tuple[str, ...],
        Help("A web origin whose pages may connect, besides the node's own.", "ORIGIN"),
    ] = ()
    allow_host: Annotated[
        tuple[str, ...], Help("A host name of the node, besides that of its URL.", "NAME")
    ] = ()
    trusted_proxy: Annotated[
        tuple[str, ...],
        Help(
            "Address or network of a proxy that is trusted to report the address of its client.",
            "ADDRESS",
        ),
    ] = ()
    stun: Annotated[_Urls, Help("A STUN server, such as stun:stun.example:3478.")] = ()
    turn: Annotated[
        _Urls, Help("A TURN server, such as turn:turn.example:3478; needs a secret.")
    ] = ()
    turn_secret: Annotated[
        _Secret,
        Help(
            "Secret shared with the TURN servers, for credentials that expire.",
            "SECRET",
            is_secret=True,
        ),
    ] = None
    turn_secret_file: Annotated[_File, Help("A file that contains only turn_secret.")] = None
    turn_username: Annotated[
        _Secret, Help("User name at the TURN servers, the same for all devices.", "NAME")
    ] = None
    turn_credential: Annotated[
        _Secret, Help("Password of turn_username at the TURN servers.", "PASSWORD", is_secret=True)
    ] = None
    turn_ttl: Annotated[_Seconds, Help("Lifetime of TURN credentials.")] = 3600.0
    ice_provider: Annotated[
        _Url,
        Help(
            "URL of a provider of more ICE servers; the node asks it by HTTP POST.", is_secret=True
        ),
    ] = None
    ice_provider_token: Annotated[
        _Secret, Help("Bearer token for requests to the ICE provider.", "TOKEN", is_secret=True)
    ] = None
    ice_provider_timeout: Annotated[
        _Seconds, Help("Time limit for an answer of the ICE provider.")
    ] = 5.0
    ice_provider_cache: Annotated[
        _Seconds, Help("Time for which an answer of the ICE provider is reused.")
    ] = 600.0
    head_size: Annotated[_Bytes, Help("Size of the head of a request.")] = 16_384
    head_fields: Annotated[_Positive, Help("Header fields of a request.")] = 100
    head_time: Annotated[_Seconds, Help("Time to send the head of a request.")] = 5.0
    tls_time: Annotated[_Seconds, Help("Time for the TLS handshake.")] = 5.0
    introduction_time: Annotated[
        _Seconds, Help("Time to the first register, pair_request or resume.")
    ] = 10.0
    message_size_unseated: Annotated[
        _Bytes, Help("Size of a message of a client without a seat.")
    ] = 8192
    message_size: Annotated[_Bytes, Help("Size of a message of a client with a seat.")] = 65_536
    message_fragments: Annotated[_Positive, Help("Fragments of a message.")] = 64
    message_time: Annotated[
        _Seconds, Help("Time from the first to the last byte of a message.")
    ] = 10.0
    ping_interval: Annotated[_Seconds, Help("Time between pings of a connection.")] = 20.0
    pong_time: Annotated[_Seconds, Help("Time to answer a ping.")] = 20.0
    write_time: Annotated[_Seconds, Help("Time for one write to a connection.")] = 10.0
    outbox_size: Annotated[
        _Bytes, Help("Size of the outbox of a connection that reads too slowly.")
    ] = 262_144
    outbox_messages: Annotated[
        _Positive, Help("Messages other than signals in the outbox of a connection.")
    ] = 64
    message_rate: Annotated[
        _PerSecond, Help("Messages of a connection per second; 0 means no limit.")
    ] = 50.0
    message_burst: Annotated[_Positive, Help("Messages of a connection in a burst.")] = 200
    control_rate: Annotated[
        _PerSecond, Help("Pings and pongs of a connection per second; 0 means no limit.")
    ] = 5.0
    control_burst: Annotated[_Positive, Help("Pings and pongs of a connection in a burst.")] = 20
    connections_per_address: Annotated[
        _Count, Help("Connections from an address; 0 means no limit.")
    ] = 64
    max_connections: Annotated[
        _Count, Help("Connections in total; 0 means 80 % of the file descriptors.")
    ] = 0
    sessions_per_owner: Annotated[_Count, Help("Sessions of an owner; 0 means no limit.")] = 64
    standing_per_owner: Annotated[
        _Count, Help("Sessions of an owner for known devices; 0 means no limit.")
    ] = 64
    sessions_per_address: Annotated[
        _Count, Help("Sessions opened from an address; 0 means no limit.")
    ] = 256
    max_sessions: Annotated[_Count, Help("Sessions in total; 0 means no limit.")] = 100_000
    max_backlog_bytes: Annotated[
        _Total, Help("Size of all signals that wait for peers that are offline; 0 means no limit.")
    ] = 268_435_456
    max_outbox_bytes: Annotated[
        _Total, Help("Size of the outboxes of all connections; 0 means no limit.")
    ] = 268_435_456
    max_prompts: Annotated[_Count, Help("Open prompts in total; 0 means no limit.")] = 10_000
    prompts_per_host: Annotated[_Count, Help("Open prompts of a host; 0 means no limit.")] = 3
    denials_per_address: Annotated[
        _Count, Help("Requests declined by a host after which an address waits; 0 means no limit.")
    ] = 3
    guesses_per_address: Annotated[
        _Count, Help("Wrong tokens for a session after which an address waits; 0 means no limit.")
    ] = 10
    guess_window: Annotated[
        _UpToAYear, Help("Time for which wrong ids, wrong tokens and declined requests count.")
    ] = 1800.0
    restart_time: Annotated[
        _ZeroToAnHour,
        Help("Time after the start in which wrong tokens of full length do not count."),
    ] = 120.0
    drawings_at_once: Annotated[_Positive, Help("QR codes drawn at the same time.")] = 1
    drawings_per_owner: Annotated[
        _Count, Help("QR codes drawn for an owner in a minute; 0 means no limit.")
    ] = 60
    limit_loopback: Annotated[bool, Help("Apply the limits per address to loopback, too.")] = False
    metrics_listen: Annotated[
        str | None,
        Help(
            "Serve /metrics at this address, instead of on the main port and to this machine only.",
            "ADDRESS:PORT",
        ),
    ] = None
    traces: Annotated[
        bool,
        Help(
            "Send OpenTelemetry traces to the endpoint in OTEL_* variables; needs the extra otel."
        ),
    ] = False
    cluster: Annotated[
        _Url, Help("Redis with which this node shares sessions with other nodes.", is_secret=True)
    ] = None
    cluster_key: Annotated[
        _Secret,
        Help("Key with which the nodes encrypt their data in Redis.", "SECRET", is_secret=True),
    ] = None
    cluster_insecure: Annotated[
        bool, Help("Allow a Redis on another machine without a cluster_key.")
    ] = False
    cluster_ca: Annotated[
        _File, Help("CA certificate for a Redis with TLS, besides the system's: PEM.")
    ] = None
    cluster_lease: Annotated[
        float,
        Meta(ge=2, le=600),
        _SECONDS,
        Help("Time without a heartbeat after which other nodes take over."),
    ] = 10.0
    drain_seconds: Annotated[
        _ZeroToAnHour, Help("Time that a stopping node answers /healthz with 503 before it closes.")
    ] = 0.0
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Help("Log level: debug, info, warning or error.", "LEVEL"),
    ] = "info"
    log_format: Annotated[
        Literal["text", "json"],
        Help("Log format: text, or json with an object per line.", "FORMAT"),
    ] = "text"

    def __post_init__(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise InvalidSetting("tls_cert and tls_key go together: give both, or neither")
        if self.store is not None and self.cluster is not None:
            raise InvalidSetting(
                "store is for a single node, since a cluster keeps its sessions in Redis: "
                "give store or cluster, not both"
            )
        if (self.store is None) != (self.store_key is None):
            raise InvalidSetting("store and store_key go together: give both, or neither")
        if self.store_key is not None and len(self.store_key) < MIN_KEY_LENGTH:
            raise InvalidSetting(
                f"store_key must have at least {MIN_KEY_LENGTH} characters, "
                "for example the output of `openssl rand -base64 32`"
            )
        if self.lan and self.host != DEFAULT_HOST:
            raise InvalidSetting("lan listens on all addresses: give lan or host, not both")
        check_texts(self)
        own_url = None if self.tls_cert is None else f"https://{self.host}"
        check_join_url(self.join_url, self.public_url or own_url)
        if self.metrics_listen is not None:
            split_endpoint(self.metrics_listen)
        self.ice.check()

    def __repr__(self) -> str:
        return represent(self, _SECRETS)

    @property
    def terms(self) -> Terms:
        """The settings of sessions."""
        return self._subset(Terms, backlog_budget=Budget(self.max_backlog_bytes))

    @property
    def ice(self) -> IceOptions:
        """The settings of ICE servers."""
        return self._subset(IceOptions)

    @property
    def cluster_options(self) -> ClusterOptions:
        """The settings of the cluster."""
        return self._subset(ClusterOptions)

    @property
    def access_rules(self) -> Rules:
        """The settings of addresses, origins and hosts that may connect."""
        return self._subset(Rules)

    @property
    def limit_settings(self) -> LimitSettings:
        """The settings of the limits by number."""
        return self._subset(LimitSettings)

    @property
    def limits(self) -> Limits:
        """The limits of one connection."""
        return self._subset(
            Limits,
            messages=TokenBucket.of(self.message_rate, self.message_burst),
            controls=TokenBucket.of(self.control_rate, self.control_burst),
        )

    def _subset(self, kind: type[_Subset], **more: object) -> _Subset:
        """Return a ``kind`` with the settings that have the names of its fields."""
        names = set(kind.__struct_fields__) & set(self.__struct_fields__)
        return kind(**{name: getattr(self, name) for name in names}, **more)


_SECRETS = secrets_of(Settings)

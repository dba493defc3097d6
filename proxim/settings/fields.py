"""The settings themselves. Each stands here once, and nowhere else."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from msgspec import Meta, Struct

from proxim.actors.limits import LimitSettings
from proxim.backends.redis import ClusterOptions
from proxim.ice import IceOptions
from proxim.net.limits import Limits
from proxim.net.token_bucket import TokenBucket
from proxim.protocol.errors import InvalidSetting
from proxim.redact import represent
from proxim.session.events import Terms
from proxim.settings.about import About, secrets_of
from proxim.settings.checks import (
    MAX_LABEL,
    check_host,
    check_name,
    check_network,
    check_origin,
    check_store,
    check_url,
    split_endpoint,
)

YEAR = 365 * 86_400.0
DEFAULT_HOST = "127.0.0.1"

_Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
_Some = Annotated[int, Meta(ge=1, le=1_000_000_000)]
_PerSecond = Annotated[float, Meta(ge=0, le=1_000_000)]
_Seconds = Annotated[float, Meta(gt=0, le=86_400)]
_Secret = Annotated[str, Meta(min_length=1, max_length=512)] | None
_Url = Annotated[str, Meta(min_length=1, max_length=2048)] | None
_Part = TypeVar("_Part", bound=Struct)


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """What a node is told. Raises ``InvalidSetting`` for what cannot go together."""

    host: Annotated[str, About("Network", "Address to listen on.", "ADDRESS")] = DEFAULT_HOST
    port: Annotated[
        int,
        Meta(ge=0, le=65535),
        About("Network", "Port to listen on; 0 picks a free one.", "PORT"),
    ] = 8765
    lan: Annotated[
        bool, About("Network", "Listen on all addresses, for devices in the same network.", "")
    ] = False
    announce: Annotated[
        Annotated[str, Meta(min_length=1, max_length=MAX_LABEL)] | None,
        About(
            "Network",
            "Let `proxim nodes` find the node, by this name; needs proxim[lan].",
            "NAME",
            flag_value="Proxim",
        ),
    ] = None
    public_url: Annotated[
        str | None,
        About("Network", "What links begin with, if not the address listened on.", "URL"),
    ] = None
    tls_cert: Annotated[
        str | None, About("TLS", "Certificate chain, a PEM file; needs --tls-key.", "FILE")
    ] = None
    tls_key: Annotated[
        str | None, About("TLS", "Private key, a PEM file; needs --tls-cert.", "FILE")
    ] = None
    approval_timeout: Annotated[
        float,
        Meta(gt=0, le=3600),
        About("Sessions", "How long a person has to approve.", "SECONDS"),
    ] = 40.0
    qr_ttl: Annotated[
        float, Meta(gt=0, le=YEAR), About("Sessions", "How long a link can be used.", "SECONDS")
    ] = 300.0
    one_time_grace: Annotated[
        float,
        Meta(ge=0, le=3600),
        About("Sessions", "How long a side of a one-time session may be away.", "SECONDS"),
    ] = 0.0
    sweep_interval: Annotated[
        float,
        Meta(gt=0, le=3600),
        About("Sessions", "How often ended sessions are dropped from memory.", "SECONDS"),
    ] = 30.0
    store: Annotated[
        str | None,
        About(
            "Sessions",
            "File in which persistent sessions outlive the node, as sqlite:///PATH; "
            "without it nothing is written to disk.",
            "URL",
        ),
    ] = None
    store_key: Annotated[
        str | None,
        About(
            "Sessions",
            "Text of 32 or more characters that seals the store; better set in the environment.",
            "KEY",
            is_secret=True,
        ),
    ] = None
    access_token: Annotated[
        Annotated[str, Meta(min_length=1, max_length=512)] | None,
        About(
            "Access",
            "Token that hosts must present to register; without it anybody may.",
            "TOKEN",
            is_secret=True,
        ),
    ] = None
    allow_origin: Annotated[
        tuple[str, ...],
        About("Access", "A web origin whose pages may connect, besides the node's own.", "ORIGIN"),
    ] = ()
    allow_host: Annotated[
        tuple[str, ...],
        About(
            "Access", "A host name by which the node is called, besides that of its URL.", "NAME"
        ),
    ] = ()
    trusted_proxy: Annotated[
        tuple[str, ...],
        About(
            "Access",
            "Address or network of a proxy whose Forwarded or X-Forwarded-For is believed.",
            "ADDRESS",
        ),
    ] = ()
    stun: Annotated[
        tuple[str, ...], About("ICE", "A STUN server, such as stun:stun.example:3478.", "URL")
    ] = ()
    turn: Annotated[
        tuple[str, ...],
        About("ICE", "A TURN server, such as turn:turn.example:3478; needs a secret.", "URL"),
    ] = ()
    turn_secret: Annotated[
        _Secret,
        About(
            "ICE",
            "Secret shared with the TURN servers, to make credentials that expire.",
            "SECRET",
            is_secret=True,
        ),
    ] = None
    turn_secret_file: Annotated[
        str | None, About("ICE", "A file that holds that secret, and nothing else.", "FILE")
    ] = None
    turn_username: Annotated[
        _Secret, About("ICE", "User name at the TURN servers, the same for everybody.", "NAME")
    ] = None
    turn_credential: Annotated[
        _Secret, About("ICE", "Password that goes with that name.", "PASSWORD", is_secret=True)
    ] = None
    turn_ttl: Annotated[
        _Seconds,
        About("ICE", "How long TURN credentials serve before they are renewed.", "SECONDS"),
    ] = 3600.0
    ice_provider: Annotated[
        _Url,
        About(
            "ICE", "Where more ICE servers are asked for, by an HTTP POST.", "URL", is_secret=True
        ),
    ] = None
    ice_provider_token: Annotated[
        _Secret, About("ICE", "Bearer token for that request.", "TOKEN", is_secret=True)
    ] = None
    ice_provider_timeout: Annotated[
        _Seconds, About("ICE", "Time that the provider has to answer.", "SECONDS")
    ] = 5.0
    ice_provider_cache: Annotated[
        _Seconds, About("ICE", "How long an answer of the provider is used.", "SECONDS")
    ] = 600.0
    head_size: Annotated[_Some, About("Limits", "Size of a request's head.", "BYTES")] = 16_384
    head_fields: Annotated[_Some, About("Limits", "Fields of a request's head.", "COUNT")] = 100
    head_time: Annotated[_Seconds, About("Limits", "Time to send a request's head.", "SECONDS")] = (
        5.0
    )
    tls_time: Annotated[_Seconds, About("Limits", "Time to do the TLS handshake.", "SECONDS")] = 5.0
    introduction_time: Annotated[
        _Seconds, About("Limits", "Time to the first register, pair_request or resume.", "SECONDS")
    ] = 10.0
    message_size_unseated: Annotated[
        _Some, About("Limits", "Size of a message before a seat is held.", "BYTES")
    ] = 8192
    message_size: Annotated[
        _Some, About("Limits", "Size of a message once a seat is held.", "BYTES")
    ] = 65_536
    message_fragments: Annotated[_Some, About("Limits", "Fragments of a message.", "COUNT")] = 64
    message_time: Annotated[
        _Seconds, About("Limits", "Time to send the whole of a message, once begun.", "SECONDS")
    ] = 10.0
    ping_interval: Annotated[
        _Seconds, About("Limits", "How often a connection is asked for a sign of life.", "SECONDS")
    ] = 20.0
    pong_time: Annotated[_Seconds, About("Limits", "Time to give that sign.", "SECONDS")] = 20.0
    write_time: Annotated[
        _Seconds, About("Limits", "Time that one write to a peer may take.", "SECONDS")
    ] = 10.0
    outbox_size: Annotated[
        _Some, About("Limits", "What may wait for a connection that reads too slowly.", "BYTES")
    ] = 262_144
    outbox_messages: Annotated[
        _Some, About("Limits", "How many messages other than signals may wait there.", "COUNT")
    ] = 64
    message_rate: Annotated[
        _PerSecond, About("Limits", "Messages of a connection per second; 0 is no limit.", "COUNT")
    ] = 50.0
    message_burst: Annotated[_Some, About("Limits", "Messages that may come at once.", "COUNT")] = (
        200
    )
    control_rate: Annotated[
        _PerSecond,
        About("Limits", "Pings and pongs of a connection per second; 0 is no limit.", "COUNT"),
    ] = 5.0
    control_burst: Annotated[
        _Some, About("Limits", "Pings and pongs that may come at once.", "COUNT")
    ] = 20
    connections_per_address: Annotated[
        _Count, About("Limits", "Connections of an address; 0 is no limit.", "COUNT")
    ] = 64
    max_connections: Annotated[
        _Count,
        About(
            "Limits", "Connections in all; 0 is 80 % of the file descriptors there are.", "COUNT"
        ),
    ] = 0
    sessions_per_owner: Annotated[
        _Count, About("Limits", "Sessions of an owner; 0 is no limit.", "COUNT")
    ] = 64
    sessions_per_address: Annotated[
        _Count, About("Limits", "Sessions opened from an address; 0 is no limit.", "COUNT")
    ] = 256
    max_sessions: Annotated[_Count, About("Limits", "Sessions in all; 0 is no limit.", "COUNT")] = (
        100_000
    )
    prompts_per_host: Annotated[
        _Count,
        About("Limits", "Prompts that a host has before it at a time; 0 is no limit.", "COUNT"),
    ] = 3
    denials_per_address: Annotated[
        _Count,
        About("Limits", "Denials after which an address has to wait; 0 is no limit.", "COUNT"),
    ] = 3
    guesses_per_address: Annotated[
        _Count,
        About(
            "Limits",
            "Wrong ids and tokens after which an address has to wait; 0 is no limit.",
            "COUNT",
        ),
    ] = 10
    guess_window: Annotated[
        Annotated[float, Meta(gt=0, le=YEAR)],
        About("Limits", "How long wrong ids, wrong tokens and denials are remembered.", "SECONDS"),
    ] = 1800.0
    limit_loopback: Annotated[
        bool, About("Limits", "Let the limits by address hold for loopback, too.", "")
    ] = False
    metrics_listen: Annotated[
        str | None,
        About(
            "Metrics",
            "Serve /metrics there, and not on the main port, where only this machine may read it.",
            "ADDRESS:PORT",
        ),
    ] = None
    traces: Annotated[
        bool,
        About(
            "Metrics",
            "Send OpenTelemetry traces to where OTEL_* variables say; needs proxim[otel].",
            "",
        ),
    ] = False
    cluster: Annotated[
        _Url,
        About(
            "Cluster",
            "Redis through which this node shares its sessions with others.",
            "URL",
            is_secret=True,
        ),
    ] = None
    cluster_key: Annotated[
        _Secret,
        About(
            "Cluster",
            "Secret with which the nodes seal what they leave in Redis.",
            "SECRET",
            is_secret=True,
        ),
    ] = None
    cluster_ca: Annotated[
        str | None,
        About("Cluster", "Who vouches for a Redis with TLS, besides the system's: PEM.", "FILE"),
    ] = None
    cluster_lease: Annotated[
        float,
        Meta(ge=2, le=600),
        About("Cluster", "How long a node may be silent before others take over.", "SECONDS"),
    ] = 10.0
    drain_seconds: Annotated[
        float,
        Meta(ge=0, le=3600),
        About("Cluster", "How long /healthz says 503 before a node that stops does so.", "SECONDS"),
    ] = 0.0
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        About("Logging", "How much is logged: debug, info, warning or error.", "LEVEL"),
    ] = "info"
    log_format: Annotated[
        Literal["text", "json"],
        About("Logging", "How it is logged: text, or json, an object per line.", "FORMAT"),
    ] = "text"

    def __post_init__(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise InvalidSetting("tls_cert and tls_key go together: give both, or neither")
        if self.store is not None and self.cluster is not None:
            raise InvalidSetting(
                "store is for a node of its own, since a cluster remembers its sessions: "
                "give store or cluster, not both"
            )
        if self.lan and self.host != DEFAULT_HOST:
            raise InvalidSetting("lan listens on all addresses: give lan or host, not both")
        check_host("host", self.host)
        check_store(self.store, self.store_key)
        if self.public_url is not None:
            check_url(self.public_url)
        if self.metrics_listen is not None:
            split_endpoint(self.metrics_listen)
        if self.announce is not None:
            check_name(self.announce)
        self.ice.check()
        for origin in self.allow_origin:
            check_origin(origin)
        for proxy in self.trusted_proxy:
            check_network(proxy)

    def __repr__(self) -> str:
        return represent(self, _SECRETS)

    @property
    def terms(self) -> Terms:
        """What of this concerns a session."""
        return self._part(Terms)

    @property
    def ice(self) -> IceOptions:
        """What of this concerns ICE servers."""
        return self._part(IceOptions)

    @property
    def cluster_options(self) -> ClusterOptions:
        """What of this concerns the cluster."""
        return self._part(ClusterOptions)

    @property
    def limit_settings(self) -> LimitSettings:
        """The settings of the limits by number."""
        return self._part(LimitSettings)

    @property
    def limits(self) -> Limits:
        """What of this concerns one connection."""
        return self._part(
            Limits,
            messages=TokenBucket.of(self.message_rate, self.message_burst),
            controls=TokenBucket.of(self.control_rate, self.control_burst),
        )

    def _part(self, kind: type[_Part], **more: object) -> _Part:
        """What of this has a field of the same name in ``kind``."""
        names = set(kind.__struct_fields__) & set(self.__struct_fields__)
        return kind(**{name: getattr(self, name) for name in names}, **more)


_SECRETS = secrets_of(Settings)

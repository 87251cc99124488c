"""What the Deployment says: the environment, read once at the edge."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_network

from chris_operator.core.demand import GpuSettings
from chris_operator.core.observed import Settings
from chris_operator.core.pods import PodSettings

_LAST_PORT = 65535
_EXTENDED = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")


class SettingsError(ValueError):
    """A variable of the environment is missing or makes no sense."""


class FastStart(StrEnum):
    """Whether pods get their tools as an image volume, so that all their containers start together."""

    AUTO = "auto"
    """Where the API server's version says that the cluster mounts images."""
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """What runs may reach, as the packets see it: behind a Service, the ports and addresses of its pods."""

    swift_ports: tuple[int, ...] = ()
    """Empty: the port of Swift's address."""
    swift_cidrs: tuple[str, ...] = ()
    """Empty: Swift's ports are open at any address."""
    dns_ports: tuple[int, ...] = (53,)


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """How this operator runs."""

    plans: Settings
    namespace: str
    """Where the operator's own Lease, ConfigMap and Events live."""
    identity: str
    """Name of this replica, unique while it lives: its pod's name."""
    swift_url: str | None
    """Where *pods* reach Swift; None: where the operator itself does."""
    network: NetworkSettings = NetworkSettings()
    url_lifetime: timedelta = timedelta(hours=24)
    lease: timedelta = timedelta(seconds=15)
    """How long a silent leader is waited for."""
    silence: timedelta = timedelta(seconds=60)
    """How long the watch of the Lease may show nothing before this replica counts as dead."""
    port: int = 8080
    """Of /metrics and /healthz."""
    workers: int = 16
    fast_start: FastStart = FastStart.AUTO
    adopt_root: str | None = None
    """UID of the cluster whose Swift data this one may take over."""


def _seconds(values: Mapping[str, str], name: str, default: timedelta) -> timedelta:
    text = values.get(name)
    if text is None:
        return default
    try:
        return timedelta(seconds=float(text))
    except ValueError:
        raise SettingsError(
            f"{name} is {text!r}, which is no number of seconds: give for example 600"
        ) from None


def _words(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in values.get(name, "").split(",") if word.strip())


def _ports(values: Mapping[str, str], name: str) -> tuple[int, ...]:
    words = _words(values, name)
    for word in words:
        if not (word.isdecimal() and 0 < int(word) <= _LAST_PORT):
            raise SettingsError(f"{name} names {word!r}, which is no port: give for example 8080,443")
    return tuple(int(word) for word in words)


def _ranges(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    words = _words(values, name)
    for word in words:
        try:
            ip_network(word)
        except ValueError as error:
            raise SettingsError(f"{name} names {word!r}: {error}; give for example 10.1.2.0/24") from None
    return words


def _network(values: Mapping[str, str]) -> NetworkSettings:
    return NetworkSettings(
        swift_ports=_ports(values, "CHRIS_SWIFT_PORTS"),
        swift_cidrs=_ranges(values, "CHRIS_SWIFT_CIDRS"),
        dns_ports=_ports(values, "CHRIS_DNS_PORTS") or (53,),
    )


def _fast_start(values: Mapping[str, str]) -> FastStart:
    text = values.get("CHRIS_FAST_START", FastStart.AUTO)
    try:
        return FastStart(text)
    except ValueError:
        raise SettingsError(f"CHRIS_FAST_START is {text!r}: give auto, on or off") from None


def _gpu(values: Mapping[str, str]) -> GpuSettings:
    name = values.get("CHRIS_GPU_RESOURCE", GpuSettings().resource)
    if not _EXTENDED.fullmatch(name):
        raise SettingsError(
            f"CHRIS_GPU_RESOURCE is {name!r}, which no device plugin counts: give for example amd.com/gpu"
        )
    return GpuSettings(name, values.get("CHRIS_GPU_CLAIM_TEMPLATE", ""))


def _required(values: Mapping[str, str], name: str) -> str:
    if not values.get(name):
        raise SettingsError(f"{name} is not set: the operator's Deployment must give it")
    return values[name]


def read(values: Mapping[str, str]) -> OperatorSettings:
    """Settings from environment variables; raises SettingsError naming the variable at fault."""
    plans = Settings(
        pods=PodSettings(
            staging_image=_required(values, "CHRIS_STAGING_IMAGE"),
            image_pull_policy=values.get("CHRIS_IMAGE_PULL_POLICY", "IfNotPresent"),
            image_pull_secrets=_words(values, "CHRIS_IMAGE_PULL_SECRETS"),
            gpu=_gpu(values),
        ),
        keep_ended=_seconds(values, "CHRIS_KEEP_ENDED_SECONDS", timedelta(minutes=10)),
        pull_patience=_seconds(values, "CHRIS_PULL_PATIENCE_SECONDS", timedelta(minutes=5)),
        backoff_first=_seconds(values, "CHRIS_BACKOFF_SECONDS", timedelta(seconds=10)),
        grace_extra=_seconds(values, "CHRIS_GRACE_EXTRA_SECONDS", timedelta(seconds=60)),
        give_up=_seconds(values, "CHRIS_GIVE_UP_SECONDS", timedelta(minutes=10)),
        settle=_seconds(values, "CHRIS_SETTLE_SECONDS", timedelta(seconds=2)),
    )
    return OperatorSettings(
        plans=plans,
        namespace=values.get("POD_NAMESPACE", "chris-system"),
        identity=_required(values, "POD_NAME"),
        swift_url=values.get("CHRIS_SWIFT_URL"),
        network=_network(values),
        url_lifetime=_seconds(values, "CHRIS_URL_LIFETIME_SECONDS", timedelta(hours=24)),
        lease=_seconds(values, "CHRIS_LEASE_SECONDS", timedelta(seconds=15)),
        silence=_seconds(values, "CHRIS_SILENCE_SECONDS", timedelta(seconds=60)),
        port=int(values.get("CHRIS_PORT", "8080")),
        fast_start=_fast_start(values),
        adopt_root=values.get("CHRIS_ADOPT_SWIFT_ROOT"),
    )

"""What the Deployment says: the environment, read once at the edge."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from chris_operator.core.observed import Settings
from chris_operator.core.pods import PodSettings


class SettingsError(ValueError):
    """A variable of the environment is missing or makes no sense."""


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
    give_up: timedelta = timedelta(minutes=10)
    """How long a deleted run waits for a Swift that does not answer, before its data are left to the sweep."""
    url_lifetime: timedelta = timedelta(hours=24)
    lease: timedelta = timedelta(seconds=15)
    """How long a silent leader is waited for."""
    port: int = 8080
    """Of /metrics and /healthz."""
    workers: int = 16
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


def _required(values: Mapping[str, str], name: str) -> str:
    if not values.get(name):
        raise SettingsError(f"{name} is not set: the operator's Deployment must give it")
    return values[name]


def read(values: Mapping[str, str]) -> OperatorSettings:
    """Settings from environment variables; raises SettingsError naming the variable at fault."""
    secrets = tuple(name for name in values.get("CHRIS_IMAGE_PULL_SECRETS", "").split(",") if name)
    plans = Settings(
        pods=PodSettings(
            staging_image=_required(values, "CHRIS_STAGING_IMAGE"),
            image_pull_policy=values.get("CHRIS_IMAGE_PULL_POLICY", "IfNotPresent"),
            image_pull_secrets=secrets,
        ),
        keep_ended=_seconds(values, "CHRIS_KEEP_ENDED_SECONDS", timedelta(minutes=10)),
        pull_patience=_seconds(values, "CHRIS_PULL_PATIENCE_SECONDS", timedelta(minutes=5)),
        backoff_first=_seconds(values, "CHRIS_BACKOFF_SECONDS", timedelta(seconds=10)),
        grace_extra=_seconds(values, "CHRIS_GRACE_EXTRA_SECONDS", timedelta(seconds=60)),
        settle=_seconds(values, "CHRIS_SETTLE_SECONDS", timedelta(seconds=2)),
    )
    return OperatorSettings(
        plans=plans,
        namespace=values.get("POD_NAMESPACE", "chris-system"),
        identity=_required(values, "POD_NAME"),
        swift_url=values.get("CHRIS_SWIFT_URL"),
        give_up=_seconds(values, "CHRIS_GIVE_UP_SECONDS", timedelta(minutes=10)),
        url_lifetime=_seconds(values, "CHRIS_URL_LIFETIME_SECONDS", timedelta(hours=24)),
        lease=_seconds(values, "CHRIS_LEASE_SECONDS", timedelta(seconds=15)),
        port=int(values.get("CHRIS_PORT", "8080")),
        adopt_root=values.get("CHRIS_ADOPT_SWIFT_ROOT"),
    )

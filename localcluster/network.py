"""What joins the machine to the box: one veth pair, two routes; and which address ranges are free."""

import json
from collections.abc import Iterable
from ipaddress import IPv4Network
from typing import Any

from localcluster.config import ClusterConfig
from localcluster.shell import run, succeeds, wait_until


def routed(routes: list[dict[str, Any]]) -> list[tuple[IPv4Network, str]]:
    """Destinations and devices in the output of `ip -json route`, without the default route."""
    return [
        (IPv4Network(route["dst"], strict=False), str(route.get("dev", "?")))
        for route in routes
        if route.get("dst", "default") != "default"
    ]


def conflicts(config: ClusterConfig, routes: Iterable[tuple[IPv4Network, str]]) -> list[str]:
    """What on this machine already uses addresses that the cluster would take."""
    return [
        f"{taken} (device {device}) overlaps {wanted}"
        for taken, device in routes
        for wanted in config.ranges
        if taken.overlaps(wanted)
    ]


def host_conflicts(config: ClusterConfig) -> list[str]:
    """The same for this machine as it is now."""
    return conflicts(config, routed(json.loads(run(["ip", "-json", "-4", "route", "show"]) or "[]")))


def link_exists(config: ClusterConfig) -> bool:
    """Whether the host's end of the veth pair is there."""
    return succeeds(["ip", "link", "show", "dev", config.link])


def join(config: ClusterConfig, init_pid: int) -> None:
    """Lay the cable and the routes; the kernel removes both with the box."""
    peer = ["peer", "name", "host0", "netns", str(init_pid)]
    run(["ip", "link", "add", config.link, "type", "veth", *peer])
    inside = ["nsenter", "-t", str(init_pid), "-n", "ip", "link", "set", "host0"]
    run([*inside, "master", "node0", "up"])
    run(["ip", "addr", "add", f"{config.host_address}/{config.node_range.prefixlen}", "dev", config.link])
    run(["ip", "link", "set", config.link, "up"])
    for target in (config.pod_range, config.service_range):
        run(["ip", "route", "add", str(target), "via", str(config.node_address), "dev", config.link])


def part(config: ClusterConfig) -> None:
    """Remove the cable, and with it the routes; the kernel does it too once the box is gone, maybe just now."""
    succeeds(["ip", "link", "del", config.link])
    wait_until(lambda: not link_exists(config), seconds=10, what=f"link {config.link} is gone")

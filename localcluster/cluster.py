"""Bringing a cluster up, healing it, taking it down: the order in which everything else is called."""

import os
import shutil
from pathlib import Path

from localcluster import (
    binaries,
    box,
    certs,
    cgroups,
    env,
    machine,
    network,
    oci,
    processes,
    readiness,
    settings,
)
from localcluster.box import Box
from localcluster.config import CHECKOUT, MAIN, ClusterConfig, cache_dir
from localcluster.console import say
from localcluster.containerd import Containerd
from localcluster.errors import ClusterError
from localcluster.files import locked
from localcluster.record import Record, load, save
from localcluster.shell import wait_until


def up(name: str = MAIN, first_index: int = 0) -> ClusterConfig:
    """Make the cluster run, whatever state it is in: absent, half-made, killed, damaged or running."""
    _require_root()
    with locked(_lock_file(name)):
        return _up(name, first_index)


def down(name: str = MAIN) -> bool:
    """Remove the cluster without a trace but its logs; False when there was none."""
    _require_root()
    with locked(_lock_file(name)):
        return _down(name)


def _up(name: str, first_index: int) -> ClusterConfig:
    record = load(_record_file(name))
    if record and record.alive() and record.ready:
        config = machine.config(name, record.index)
        _heal(config, Box(record.init_pid or 0), bin_dir())
        return config
    if _down(name):
        say(f"cluster {name}: removed what a killed one had left behind")
    link_binaries()
    return _create(name, first_index, bin_dir())


def _down(name: str) -> bool:
    """The record is written before anything is made and removed last, so that this can be killed and called again."""
    record = load(_record_file(name))
    found = box.find(machine.config(name, 0).state)
    if record is None and found is None:
        return False
    config = machine.config(name, record.index if record else found[1] if found else 0)
    box.end(config.state, record)
    held = machine.reclaim(config.index)
    if held is not None:
        # Else another cluster took the index since ours was killed: link and cgroup of that name are its own.
        network.part(config)
        cgroups.remove(config.cgroup)
        machine.release(config.index, held)
    config.env_file.unlink(missing_ok=True)
    _clear(config)
    _record_file(name).unlink(missing_ok=True)
    return True


def running(name: str = MAIN) -> tuple[ClusterConfig, Box] | None:
    """The cluster, where its box runs."""
    record = load(_record_file(name))
    if record is None or not record.alive():
        return None
    return machine.config(name, record.index), Box(record.init_pid or 0)


def require(name: str = MAIN) -> tuple[ClusterConfig, Box]:
    """The cluster, which must run; ClusterError otherwise."""
    found = running(name)
    if found is None:
        raise ClusterError(f"cluster {name}: down; run `make up` first")
    return found


def problems(config: ClusterConfig, inside: Box) -> list[str]:
    """What keeps a cluster whose box runs from being usable; daemons first, as all else would only wait for them."""
    dead = [f"{component.name} does not run" for component in processes.dead(config, inside)]
    return dead or [
        f"not so: {gate.what}" for gate in readiness.gates(config, inside, bin_dir()) if not gate.check()
    ]


def link_binaries() -> None:
    """Build what is missing of the binaries and link them all in one directory."""
    binaries.link_bin(binaries.ensure_cluster(cache_dir()), bin_dir())


def bin_dir() -> Path:
    """Links to all binaries; on PATH in build/env."""
    return CHECKOUT / "build" / "bin"


def _create(name: str, first_index: int, tools: Path) -> ClusterConfig:
    config, held = machine.claim(name, first_index)
    record = Record(config.index)
    shutil.rmtree(config.logs, ignore_errors=True)
    save(_record_file(name), record)
    say(
        f"cluster {name}: node {config.node_address}, pods {config.pod_range}, services {config.service_range}"
    )
    cgroups.create(config.cgroup)
    machine.raise_limits()
    inside = box.create(config, held)
    os.close(held)
    record = record.with_box(inside.pid)
    save(_record_file(name), record)
    cgroups.enter(config.cgroup, inside.pid)
    box.prepare(config, inside)
    network.join(config, inside.pid)
    certs.create(config)
    _write_settings(config)
    _start(config, inside, tools)
    readiness.wait(config, inside, tools)
    env.write(env.of(config), config.env_file, tools)
    save(_record_file(name), record.with_ready())
    say(f"cluster {name}: ready at {config.api_url}; `. {config.env_file}` for kubectl")
    return config


def _write_settings(config: ClusterConfig) -> None:
    for name, text in settings.files(config, machine.describe(config)).items():
        target = config.settings / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    (config.settings / "certs.d").mkdir(exist_ok=True)


def _start(config: ClusterConfig, inside: Box, tools: Path) -> None:
    """Start every daemon, the clients of the API server once it has its roles: they give up without."""
    say("starting etcd, kube-apiserver and containerd")
    parts = processes.components(config)
    for component in parts[: processes.EARLY]:
        processes.start(config, inside, tools, component)
    _ready_containerd(config, inside, tools)
    readiness.wait_for_api(config, inside, tools)
    say(f"starting {', '.join(component.name for component in parts[processes.EARLY :])}")
    for component in parts[processes.EARLY :]:
        processes.start(config, inside, tools, component)


def _ready_containerd(config: ClusterConfig, inside: Box, tools: Path) -> None:
    client = Containerd(inside, tools)
    hint = f"See {config.logs / 'containerd.log'}."
    wait_until(client.ready, seconds=60, what="containerd answers", hint=hint)
    if client.clear_leftovers():
        inside.succeeds(["pkill", "-x", "containerd"])
        (component,) = (part for part in processes.components(config) if part.name == "containerd")
        processes.start(config, inside, tools, component)
        wait_until(client.ready, seconds=60, what="containerd answers", hint=hint)
    if settings.PAUSE_IMAGE not in client.image_names():
        archive = config.state / "pause.tar"
        oci.write_archive((tools / "pause").resolve(), settings.PAUSE_IMAGE, archive)
        client.import_archive(archive)


def _heal(config: ClusterConfig, inside: Box, tools: Path) -> None:
    """Start again whatever daemon ended, and wait until the cluster is usable."""
    dead = processes.dead(config, inside)
    for component in dead:
        say(f"cluster {config.name}: {component.name} had ended, starting it again")
        processes.start(config, inside, tools, component)
    readiness.wait(config, inside, tools)
    env.write(env.of(config), config.env_file, tools)
    say(f"cluster {config.name}: {'healed' if dead else 'was already'} up at {config.api_url}")


def _clear(config: ClusterConfig) -> None:
    """Empty the state directory but for the logs and the record."""
    for entry in config.state.glob("*"):
        if entry in {config.logs, _record_file(config.name)}:
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _record_file(name: str) -> Path:
    return machine.config(name, 0).state / "record.json"


def _lock_file(name: str) -> Path:
    return CHECKOUT / "build" / f".{name}.lock"


def _require_root() -> None:
    if os.geteuid() != 0:
        raise ClusterError(
            "local cluster: needs root for namespaces, mounts and network, and this is user "
            f"{os.geteuid()}; run it as root (sudo make up), or use a machine with a Docker engine"
        )

"""How this machine's pip finds packages, handed to build steps by mounts so that nothing of it stays in an image."""

import configparser
import os
from collections.abc import Mapping
from pathlib import Path

SECTIONS = ("global", "install")
LISTS = ("find-links", "extra-index-url", "trusted-host")
CERTIFICATES = "/etc/ssl/certs"
NOT_FOR_BUILDS = frozenset(
    {"config-file", "cache-dir", "require-virtualenv", "user", "target", "prefix", "python"}
)


def settings(files: list[Path], environment: Mapping[str, str]) -> dict[str, str]:
    """One flat table of options: files in order, then PIP_… variables, as pip itself ranks them."""
    merged: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        parser.read(file)
        for section in SECTIONS:
            if parser.has_section(section):
                merged.update(parser.items(section))
    for name, value in environment.items():
        if name.startswith("PIP_"):
            merged[name.removeprefix("PIP_").lower().replace("_", "-")] = value
    return {name: value for name, value in merged.items() if name not in NOT_FOR_BUILDS}


def render(options: Mapping[str, str]) -> str:
    """A pip.conf of these options."""
    lines = ["[global]"]
    for name, value in sorted(options.items()):
        words = value.split() if name in LISTS else [value]
        lines.append(f"{name} = " + "\n    ".join(words))
    return "\n".join(lines) + "\n"


def local_paths(options: Mapping[str, str]) -> list[str]:
    """Files and directories of this machine that the options name and that a build step must see."""
    words = [word for name in ("find-links", "cert", "client-cert") for word in options.get(name, "").split()]
    paths = [word.removeprefix("file://") for word in words if word.startswith(("/", "file://"))]
    return sorted({path for path in paths if Path(path).exists() and not path.startswith(CERTIFICATES)})


def mounts(cache: Path) -> list[str]:
    """Mounts for build steps: certificates, pip's settings, and the places these name."""
    options = settings(_config_files(), os.environ)
    file = cache / "buildah" / "pip.conf"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(render(options))
    found = [f"{file}:/etc/pip.conf:ro"]
    if Path(CERTIFICATES).is_dir():
        found.append(f"{CERTIFICATES}:{CERTIFICATES}:ro")
    return found + [f"{path}:{path}:ro" for path in local_paths(options)]


def _config_files() -> list[Path]:
    """Where pip looks, in its order; the same for root and other users."""
    home = Path.home()
    own = os.environ.get("PIP_CONFIG_FILE", "")
    places = [
        Path("/etc/xdg/pip/pip.conf"),
        Path("/etc/pip.conf"),
        home / ".pip/pip.conf",
        home / ".config/pip/pip.conf",
    ]
    return [place for place in [*places, *([Path(own)] if own else [])] if place.is_file()]

"""A Plugin whose runs are a line of shell each, for what the other probes cannot do; `$0` is the output directory."""

from typing import Any

from tests.e2e.tenant import Object, manifest

IMAGE = "localhost/chris/pl-testprobe:1.0.0"


def shell_plugin(name: str, **spec: Any) -> Object:
    """The Plugin; its runs give `script`."""
    script = {"name": "script", "type": "str", "flag": "-c", "optional": False}
    base = {"name": name, "version": "1.0.0", "dockImage": IMAGE, "type": "fs", "selfpath": "/bin"}
    limits = {"minCpuLimit": "100m", "minMemoryLimit": "64Mi"}
    return manifest(
        "Plugin", f"{name}-1.0.0", None, base | limits | {"selfexec": "sh", "parameters": [script]} | spec
    )

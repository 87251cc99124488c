"""What the operator writes to the API server, from the latter's audit log."""

import json
from pathlib import Path

OPERATOR = "system:serviceaccount:chris-system:chris-operator"
WRITES = ["create", "update", "patch", "delete"]
LOG = "audit.log"
_ALL_RUNS = frozenset({"feeds", "feeds/status", "networkpolicies"})
"""A Feed and a tenant's fences are there for all its runs."""


def audit_options(directory: Path) -> tuple[str, ...]:
    """Options that let an API server log the operator's writes, and those only, into `directory`."""
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata", "users": [OPERATOR], "verbs": WRITES}, {"level": "None"}],
    }
    file = directory / "audit-policy.json"
    file.write_text(json.dumps(policy))
    return f"--audit-policy-file={file}", f"--audit-log-path={directory / LOG}"


def writes_in(log: Path, namespace: str) -> list[str]:
    """Our writes to runs of a namespace and to what is theirs, as `create jobs`; the log may have been rotated."""
    found = []
    for file in sorted(log.parent.glob("audit*.log")):
        for line in file.read_text(encoding="utf-8").splitlines():
            if namespace in line and OPERATOR in line:
                entry = json.loads(line)
                about = entry.get("objectRef") or {}
                if entry["verb"] in WRITES and about.get("namespace") == namespace:
                    sub = f"/{about['subresource']}" if about.get("subresource") else ""
                    found.append((entry["verb"], f"{about['resource']}{sub}"))
    return [f"{verb} {what}" for verb, what in found if what not in _ALL_RUNS]

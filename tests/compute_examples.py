"""Good and bad ComputeResources, in the tables' form of `tests/resource_examples.py`."""

from typing import Any

from tests.resource_examples import ABSENT, Example, node


def _compute(what: str, *named: str, name: str = "", **spec: Any) -> Example:
    return Example(f"compute-{what}", "ComputeResource", spec, named, name)


BAD = (
    Example(
        "pipeline-on-no-cluster", "Pipeline", {"nodes": [node(computeResource="")]}, ("computeResource",)
    ),
    _compute("without-secret", "spec.kubeconfigSecret", kubeconfigSecret=ABSENT),
    _compute("secret-elsewhere", "spec.kubeconfigSecret", kubeconfigSecret="default/moc"),
    _compute("without-namespace", "spec.namespace", namespace=ABSENT),
    _compute("namespace-with-dots", "spec.namespace", namespace="chris.runs"),
    _compute("name-too-long", "a label must hold it", name="m" * 64),
    _compute("user-with-slash", "spec.users[0]", users=["bob/uploads"]),
    _compute("user-like-a-pattern", "spec.users[0]", users=["b*"]),
    _compute("swift-with-path", "spec.swiftUrl", swiftUrl="https://swift.example.org/v1"),
    _compute("swift-secret-elsewhere", "spec.swiftSecret", swiftSecret="default/moc"),
    _compute("swift-with-login", "spec.swiftUrl", swiftUrl="https://a:b@swift.example.org"),
    _compute("dns-port-zero", "spec.dnsPorts[0]", dnsPorts=[0]),
    _compute("no-dns-ports", "spec.dnsPorts", dnsPorts=[]),
    _compute("limit-zero", "above zero", limits={"cpu": "0"}),
    _compute("limit-of-gpus-negative", "spec.limits.gpu", limits={"gpu": -1}),
    _compute("unknown-priority", "high", priorityClasses={"high": "x"}),
    _compute("unknown-field", "insecure", insecure=True),
)
GOOD = (
    Example("pipeline-on-another-cluster", "Pipeline", {"nodes": [node(computeResource="moc")]}),
    Example("workflow-on-another-cluster", "Workflow", {"nodes": [{"name": "a", "computeResource": "moc"}]}),
    _compute("smallest"),
    _compute(
        "full",
        users=["alice", "Bob.2", "*"],
        swiftUrl="https://swift.example.org:8080",
        swiftSecret="moc-swift",
        dnsPorts=[5353],
        imagePullSecrets=["registry"],
        limits={"cpu": "4", "memory": "8Gi", "gpu": 0, "ephemeralStorage": "20Gi"},
        priorityClasses={"urgent": "high", "normal": "shared", "slack": "spot"},
    ),
)

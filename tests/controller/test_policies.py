"""Who may make a namespace a tenant, who may take our finalizers off, and who may number runs."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.apiserver import ApiServer
from tests.kubeclient import ApiError, Client, Object
from tests.resource_examples import Example

pytestmark = pytest.mark.apiserver
USER = "chrisproject.org/user"
OURS = "chrisproject.org/data"
NUMBER = "chrisproject.org/id"
THEIRS = "example.org/theirs"


def grant(admin: Client, user: str, name: str, *rules: tuple[str, str, list[str]]) -> None:
    """Let a user do things anywhere: (API group, resource, verbs)."""
    granted = [{"apiGroups": [group], "resources": [what], "verbs": verbs} for group, what, verbs in rules]
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": name}}
    admin.apply({**head, "kind": "ClusterRole", "rules": granted})
    subject = {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}
    reference = {"kind": "ClusterRole", "name": name, "apiGroup": "rbac.authorization.k8s.io"}
    admin.apply({**head, "kind": "ClusterRoleBinding", "subjects": [subject], "roleRef": reference})


@pytest.fixture(scope="module")
def granted(apiserver: ApiServer) -> ApiServer:
    """alice may write namespaces and our kinds; bob besides may assign tenants and take finalizers off."""
    writes = ["create", "update", "patch", "get"]
    ours = ["feeds", "plugins", "plugininstances"]
    namespaces = [("", name, writes) for name in ("namespaces", "namespaces/status", "namespaces/finalize")]
    common = [*namespaces, *(("chrisproject.org", what, writes) for what in ours)]
    finalizers = [("chrisproject.org", f"{what}/finalizers", ["update"]) for what in ours]
    with apiserver.client() as admin:
        grant(admin, "alice", "writes", *common)
        grant(admin, "bob", "rules", *common, *finalizers, ("chrisproject.org", "tenants", ["assign"]))
    _await_grant(apiserver)
    return apiserver


def _await_grant(apiserver: ApiServer) -> None:
    """RBAC comes into force some time after it was written; bob's last rule comes with the others."""
    body: Object = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "metadata": {},
        "spec": {
            "resourceAttributes": {"group": "chrisproject.org", "resource": "tenants", "verb": "assign"}
        },
    }
    with apiserver.client("bob") as bob:
        for _ in range(1000):
            if bob.create(body)["status"]["allowed"]:
                return
    raise TimeoutError("ClusterRole rules: granted to bob, but not in force")


@pytest.fixture
def alice(granted: ApiServer) -> Iterator[Client]:
    with granted.client("alice") as client:
        yield client


@pytest.fixture
def bob(granted: ApiServer) -> Iterator[Client]:
    with granted.client("bob") as client:
        yield client


def _labelled(item: Object, user: str | None) -> Object:
    labels = {key: value for key, value in item["metadata"].get("labels", {}).items() if key != USER}
    return {
        **item,
        "metadata": {**item["metadata"], "labels": labels | ({USER: user} if user is not None else {})},
    }


@dataclass(frozen=True)
class Relabelling:
    """A namespace's label before and after; `named` stands in the refusal of who is no administrator."""

    id: str
    before: str | None
    after: str | None
    named: str = ""
    subresource: str | None = None


RELABELLINGS = (
    Relabelling("set", None, "alice", 'may set the label chrisproject.org/user to "alice"'),
    Relabelling("changed", "alice", "bob", 'may set the label chrisproject.org/user to "bob"'),
    Relabelling("removed", "alice", None, "may remove the label"),
    Relabelling("set-by-status", None, "alice", "may set the label", "status"),
    Relabelling("set-by-finalize", None, "alice", "may set the label", "finalize"),
    Relabelling("kept", "alice", "alice"),
    Relabelling("never-there", None, None),
)


@pytest.mark.parametrize("case", RELABELLINGS, ids=lambda case: case.id)
def test_only_administrators_make_tenants(admin: Client, alice: Client, bob: Client, case: Relabelling):
    namespace = admin.get("Namespace", admin.namespace(case.before))
    changed = _labelled(namespace, case.after)
    if case.named:
        with pytest.raises(ApiError) as refused:
            alice.replace(changed, case.subresource)
        assert refused.value.code == 403
        assert (
            f"Namespace {namespace['metadata']['name']}: only an administrator {case.named}"
            in refused.value.message
        )
        assert "tenants.chrisproject.org" in refused.value.message
    else:
        changed["metadata"]["labels"]["other"] = "1"
        changed = alice.replace(changed, case.subresource)
    bob.replace(changed, case.subresource)


def test_a_namespace_is_not_born_a_tenant(alice: Client, bob: Client):
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "born", "labels": {USER: "alice"}},
    }
    with pytest.raises(ApiError, match="only an administrator"):
        alice.create(namespace, dry_run=True)
    bob.create(namespace, dry_run=True)
    alice.create(_labelled(namespace, None), dry_run=True)


def test_a_tenants_user_has_a_name(admin: Client):
    namespace = admin.get("Namespace", admin.namespace())
    with pytest.raises(ApiError, match="is empty; name the user or remove the label"):
        admin.replace(_labelled(namespace, ""))


@dataclass(frozen=True)
class Removal:
    """Finalizers that an update leaves of both; without `named` everybody may do it."""

    id: str
    left: list[str]
    named: str = ""


REMOVALS = (
    Removal("ours", [THEIRS], OURS),
    Removal("all", [], OURS),
    Removal("theirs", [OURS]),
    Removal("none", [OURS, THEIRS]),
    Removal("reordered", [THEIRS, OURS]),
)


@pytest.mark.parametrize("kind", ["Plugin", "Feed", "PluginInstance"])
@pytest.mark.parametrize("case", REMOVALS, ids=lambda case: case.id)
def test_only_the_operator_takes_its_finalizers_off(
    admin: Client, alice: Client, bob: Client, kind: str, case: Removal
):
    body = Example("x", kind).object(admin.namespace("alice"))
    body["metadata"]["finalizers"] = [OURS, THEIRS]
    stored = alice.create(body)
    changed = {"metadata": {"finalizers": case.left}}
    if case.named:
        with pytest.raises(ApiError) as refused:
            alice.patch(stored, changed)
        assert (
            f"{kind} {body['metadata']['name']}: the finalizer {case.named} guards data"
            in refused.value.message
        )
        bob.patch(stored, changed)
    else:
        alice.patch(stored, changed)
    admin.patch(stored, {"metadata": {"finalizers": None}})
    admin.delete(stored)


def test_only_the_operator_numbers_a_run(admin: Client, alice: Client, bob: Client):
    """A number that somebody else gives could be another run's, and name its place in Swift."""
    body = Example("x", "PluginInstance").object(admin.namespace("alice"))
    numbered = {**body, "metadata": {**body["metadata"], "labels": {NUMBER: "7"}}}
    rule = f"PluginInstance {body['metadata']['name']}: the label {NUMBER} holds its number"
    with pytest.raises(ApiError) as refused:
        alice.create(numbered)
    assert rule in refused.value.message
    stored = alice.create(body)
    for number in ("7", None):
        change = {"metadata": {"labels": {NUMBER: number, "theirs": f"x{number}"}}}
        if number is None:
            bob.patch(stored, {"metadata": {"labels": {NUMBER: "8"}}})
        with pytest.raises(ApiError) as refused:
            alice.patch(stored, change)
        assert rule in refused.value.message
    alice.patch(stored, {"metadata": {"labels": {"theirs": "x"}}})
    admin.delete(stored)

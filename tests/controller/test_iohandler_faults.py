"""The Swift of another cluster goes away, rots, refuses us, and the operator dies half-way: nothing is lost or left there."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.controller.cloud import NAME, SECRET, Cloud
from tests.controller.elsewhere import compute, secret, swift_secret
from tests.controller.mirrors import files_of, output_of
from tests.controller.operator_process import Operator
from tests.controller.pods import ended
from tests.controller.tenant import FILES, Run, Tenant
from tests.kubeclient import Client, condition
from tests.tls_front import tls_front

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
MIB = 1 << 20
LARGE = {f"{number}.bin": hashlib.shake_128(bytes([number])).digest(4 * MIB) for number in range(3)}
ENOUGH = 6 * MIB
"""So much of LARGE passes, then no more."""
LONG = 60.0


@contextmanager
def away(cloud: Cloud) -> Iterator[None]:
    """Its Swift loses power, and gets it back."""
    cloud.far.server.kill()
    cloud.nudge()
    try:
        yield
    finally:
        cloud.far.server.start()
        cloud.nudge()


def lost(run: Run) -> str:
    """What a run tells while that Swift is away; for kstatus it is stalled, which `until` checks."""
    words = run.until("ComputeUnavailable", seconds=LONG)
    assert words.startswith(f"the Swift of cluster {NAME} cannot be used: ")
    return words


def test_its_swift_is_away_at_the_start(there: Tenant, cloud: Cloud):
    there.done("root")
    with away(cloud):
        run = cloud.run(there, "child", "pl-ds", "root")
        lost(run)
        cloud.until("SwiftUnreachable")
        assert cloud.cluster.of_run(run) == []
        at_home = there.run("at-home", "pl-ds", ["root"])
        at_home.attempt().succeeds(FILES)
        at_home.until("Completed", "True")
    cloud.attempt(run).succeeds(FILES)
    run.until("Completed", "True", attempt=1)
    assert "failures" not in run.status
    cloud.far.await_gone(there.user)


def large(there: Tenant) -> None:
    """A run `root` at home with more output than passes the line at once."""
    root = there.run("root")
    root.attempt().succeeds(LARGE)
    root.until("Completed", "True")


def arrives(there: Tenant, cloud: Cloud, run: Run) -> None:
    """All of its parent's output is there when its first attempt starts; it succeeds, and nothing stays there."""
    attempt = cloud.attempt(run)
    (source,) = attempt.stage_job.inputs
    assert files_of(cloud.far.storage, cloud.far.storage.name(source.manifest)) == LARGE
    attempt.succeeds(FILES)
    run.until("Completed", "True", attempt=1)
    cloud.far.await_gone(there.user)


def test_its_swift_is_away_while_the_program_runs(there: Tenant, cloud: Cloud):
    """Its pod is left alone, and a run that is cancelled meanwhile is stopped: the cluster itself can be reached."""
    run, unwanted = cloud.run(there, "scan"), cloud.run(there, "unwanted")
    attempt = cloud.attempt(run)
    for each in (attempt, cloud.attempt(unwanted)):
        each.runs()
    run.until("Running")
    with away(cloud):
        assert lost(run).endswith("; its attempt may go on there")
        unwanted.change(cancel=True)
        unwanted.until("Cancelled", "False")
        cloud.cluster.await_clean(unwanted)
    cloud.until("Connected", ready=True)
    attempt.succeeds(FILES)
    run.until("Completed", "True", attempt=1)
    assert "failures" not in run.status
    cloud.far.await_gone(there.user)


def test_its_swift_is_away_when_the_program_has_ended(there: Tenant, cloud: Cloud):
    run = cloud.run(there, "scan")
    attempt = cloud.attempt(run)
    attempt.runs()
    run.until("Running")
    written = attempt.write(FILES)
    with away(cloud):
        attempt.ends(ended(0), ended(0, message=written.to_json()))
        lost(run)
        assert "output" not in run.status
    run.until("Completed", "True", attempt=1)
    assert "failures" not in run.status
    assert output_of(run) == FILES
    cloud.far.await_gone(there.user)


def test_the_line_breaks_while_inputs_are_sent(there: Tenant, cloud: Cloud):
    large(there)
    with cloud.line.held(after=ENOUGH) as filled:
        run = cloud.run(there, "child", "pl-ds", "root")
        filled()
        assert run.until("SendingInputs") == f"its input is being sent to the Swift of cluster {NAME}"
        with cloud.line.cut():
            lost(run)
    arrives(there, cloud, run)


def test_the_line_breaks_while_the_output_is_fetched(there: Tenant, cloud: Cloud):
    run = cloud.run(there, "scan")
    attempt = cloud.attempt(run)
    with cloud.line.held(after=ENOUGH) as filled:
        attempt.succeeds(LARGE)
        filled()
        assert run.until("FetchingOutputs") == f"its output is being fetched from the Swift of cluster {NAME}"
        with cloud.line.cut():
            lost(run)
    run.until("Completed", "True", attempt=1)
    assert output_of(run) == LARGE
    cloud.far.await_gone(there.user)


def test_the_operator_is_killed_while_inputs_are_sent(there: Tenant, cloud: Cloud, operator: Operator):
    large(there)
    with cloud.line.held(after=ENOUGH) as filled:
        run = cloud.run(there, "child", "pl-ds", "root")
        filled()
        operator.kill()
    operator.start()
    arrives(there, cloud, run)


def test_the_operator_is_killed_while_the_output_is_fetched(there: Tenant, cloud: Cloud, operator: Operator):
    run = cloud.run(there, "scan")
    attempt = cloud.attempt(run)
    with cloud.line.held(after=ENOUGH) as filled:
        attempt.succeeds(LARGE)
        filled()
        operator.kill()
    operator.start()
    run.until("Completed", "True", attempt=1)
    assert output_of(run) == LARGE
    cloud.far.await_gone(there.user)


def test_a_run_is_cancelled_while_its_input_is_sent(there: Tenant, cloud: Cloud):
    large(there)
    with cloud.line.held(after=ENOUGH) as filled:
        run = cloud.run(there, "child", "pl-ds", "root")
        filled()
        run.change(cancel=True)
        run.until("Cancelled", "False")
    assert cloud.cluster.of_run(run) == []
    cloud.far.await_gone(there.user)


def test_no_room_there_is_told_without_names_and_heals_by_itself(
    there: Tenant, cloud: Cloud, operator: Operator
):
    place = f"home/{there.user}/uploads/study"
    there.storage.put(f"{place}/jane-doe.dcm", b"pixels" * 100)
    there.run("study", "pl-dircopy:2.1.2", parameters={"dir": place}).until("Completed", "True")
    room = "X-Container-Meta-Quota-Bytes"
    cloud.far.storage._call("quota", "post_container", cloud.far.storage.container, {room: "10"})
    try:
        run = cloud.run(there, "child", "pl-ds", "study")
        words = lost(run)
        assert "an object of the input: put_object was refused: 413" in words
    finally:
        cloud.far.storage._call("quota", "post_container", cloud.far.storage.container, {room: ""})
    cloud.attempt(run).succeeds(FILES)
    run.until("Completed", "True", attempt=1)
    assert "jane-doe" not in operator.log.read_text()
    cloud.far.await_gone(there.user)


# -- what lies there is not what was written


def rot(root: Path, held: bytes) -> None:
    """One byte on the disk, under Swift's nose: size, name and recorded ETag stay."""
    for path in (root / "data").rglob("*.data"):
        content = path.read_bytes()
        if held in content:
            place = content.index(held)
            with path.open("r+b") as file:
                file.seek(place)
                file.write(bytes([held[0] ^ 1]))


def test_a_byte_that_rots_there_is_found_and_named_by_its_line(there: Tenant, cloud: Cloud):
    run = cloud.run(there, "scan")
    attempt = cloud.attempt(run)
    attempt.runs()
    run.until("Running")
    written = attempt.write({"a.txt": b"alpha", "jane-doe.txt": b"a very particular content"})
    rot(cloud.far.server.root, b"a very particular content")
    attempt.ends(ended(0), ended(0, message=written.to_json()))
    words = run.until("PublishFailed")
    assert words == (
        f"attempt 1: its output does not hold: Swift of {NAME}: {attempt.prefix}pack-0: "
        "is missing or holds other bytes than were written: line 3; attempt 2 follows"
    )
    cloud.attempt(run, 2).succeeds(FILES)
    run.until("Completed", "True", attempt=2)
    assert output_of(run) == FILES
    assert run.status["failures"] == {"PublishFailed": 1}
    cloud.far.await_gone(there.user)


def test_a_manifest_that_leads_beyond_its_attempt_is_refused(there: Tenant, cloud: Cloud):
    """Whoever owns that Swift may write there what he likes: ours never reads beyond the attempt for it."""
    victim = cloud.run(there, "victim")
    prey = cloud.attempt(victim)
    prey.write({"secret.txt": b"of another run"})
    run = cloud.run(there, "scan")
    attempt = cloud.attempt(run)
    attempt.runs()
    written = attempt.write(FILES)
    stolen, _ = cloud.far.storage.get(f"{prey.prefix}manifest")
    cloud.far.storage.put(f"{attempt.prefix}manifest", stolen)
    attempt.ends(ended(0), ended(0, message=written.to_json()))
    words = run.until("PublishFailed")
    assert "prefix is not among the allowed ones" in words
    victim.change(cancel=True)
    cloud.attempt(run, 2).succeeds(FILES)
    run.until("Completed", "True")
    cloud.far.await_gone(there.user)


def test_an_input_that_rots_there_is_sent_anew(there: Tenant, cloud: Cloud):
    root = there.run("root")
    root.attempt().succeeds({"in.txt": b"something to be read"})
    root.until("Completed", "True")
    run = cloud.run(there, "child", "pl-ds", "root")
    attempt = cloud.attempt(run)
    rot(cloud.far.server.root, b"something to be read")
    message = '{"step": "stage-in", "ok": false, "code": "ChecksumMismatch", "message": "m"}'
    attempt.containers(stage_in=ended(75, message=message))
    attempt.tell({"phase": "Failed"})
    again = cloud.attempt(run, 2)
    (source,) = again.stage_job.inputs
    found = files_of(cloud.far.storage, cloud.far.storage.name(source.manifest))
    assert found == {"in.txt": b"something to be read"}
    again.succeeds(FILES)
    run.until("Completed", "True")
    cloud.far.await_gone(there.user)


# -- its Secret


BAD: dict[str, tuple[dict[str, str], str, str]] = {
    "wrong-key": (
        {"ST_KEY": "not-the-key"},
        "SwiftLoginRefused",
        "does not accept the credentials of Secret",
    ),
    "key-missing": ({"ST_KEY": ""}, "SwiftSecretRefused", "ST_KEY not set"),
    "no-certificate": ({"ca.crt": "nonsense"}, "SwiftSecretRefused", "ca.crt holds no certificate"),
    "nobody-answers": (
        {"ST_AUTH": "http://127.0.0.1:1/auth/v1.0"},
        "SwiftUnreachable",
        "its Swift does not answer",
    ),
    "no-swift": ({"ST_AUTH": "{far}/nowhere"}, "SwiftSecretRefused", "leads to no Swift that can be used"),
}


@pytest.mark.parametrize("case", BAD)
def test_credentials_that_do_not_serve_are_told_and_heal(
    there: Tenant, cloud: Cloud, admin: Client, operator: Operator, case: str
):
    change, reason, words = BAD[case]
    change = {key: text.replace("{far}", cloud.far.server.url) for key, text in change.items()}
    good = dict(cloud.far.server.credentials)
    secret(admin, case, cloud.cluster.kubeconfig())
    swift_secret(admin, f"{case}-swift", good | change)
    item = compute(admin, case, swiftSecret=f"{case}-swift")
    told = admin.wait_condition(item, "Ready", status="False", reason=reason)
    assert words in told["message"]
    assert condition(admin.get("ComputeResource", case), "Stalled")["status"] == "True"
    run = there.run("scan", computeResource=case)
    assert run.until("ComputeUnavailable").startswith(f"the Swift of cluster {case} cannot be used: ")
    swift_secret(admin, f"{case}-swift", good | {"ca.crt": ""})
    admin.wait_condition(item, "Ready", status="True", reason="Connected", seconds=LONG)
    cloud.attempt(run).succeeds(FILES)
    run.until("Completed", "True")
    admin.delete(item)
    assert "not-the-key" not in operator.log.read_text()


def test_a_secret_that_comes_later(there: Tenant, cloud: Cloud, admin: Client):
    secret(admin, "late", cloud.cluster.kubeconfig())
    item = compute(admin, "late", swiftSecret="late-swift")
    told = admin.wait_condition(item, "Ready", status="False", reason="SwiftSecretNotFound")
    assert (
        "kubectl -n chris-system create secret generic late-swift --from-literal=ST_AUTH=" in told["message"]
    )
    swift_secret(admin, "late-swift", cloud.far.server.credentials)
    admin.wait_condition(item, "Ready", status="True", reason="Connected")
    run = there.run("scan", computeResource="late")
    attempt = cloud.attempt(run)
    assert attempt.stage_job.swift.url == cloud.far.server.url, "as its login says"
    attempt.succeeds(FILES)
    run.until("Completed", "True")
    admin.delete(item)


def test_credentials_are_changed_while_runs_go_on(there: Tenant, cloud: Cloud, admin: Client):
    run = cloud.run(there, "scan")
    attempt = cloud.attempt(run)
    attempt.runs()
    run.until("Running")
    swift_secret(admin, SECRET, cloud.credentials | {"ST_KEY": "revoked"})
    try:
        lost(run)
        cloud.until("SwiftLoginRefused")
    finally:
        swift_secret(admin, SECRET, cloud.credentials)
    cloud.until("Connected", ready=True)
    attempt.succeeds(FILES)
    run.until("Completed", "True", attempt=1)


def test_an_authority_of_its_own(
    there: Tenant, cloud: Cloud, admin: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with tls_front(cloud.far.server.port, tmp_path) as front:
        account = {"ST_AUTH": f"{front.url}/auth/v1.0", "OS_STORAGE_URL": f"{front.url}/v1/AUTH_chris"}
        credentials = dict(cloud.far.server.credentials) | account
        secret(admin, "private", cloud.cluster.kubeconfig())
        swift_secret(admin, "private-swift", credentials)
        item = compute(admin, "private", swiftSecret="private-swift")
        told = admin.wait_condition(item, "Ready", status="False", reason="SwiftUntrusted")
        assert told["message"].endswith("give it as ca.crt in Secret chris-system/private-swift")
        swift_secret(admin, "private-swift", {"ca.crt": front.ca.read_text()})
        admin.wait_condition(item, "Ready", status="True", reason="Connected")
        there.done("root")
        run = there.run("child", "pl-ds", ["root"], computeResource="private")
        attempt = cloud.attempt(run)
        swift = attempt.stage_job.swift
        assert (swift.url, swift.ca_bundle) == (front.url, front.ca.read_text())
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(front.ca))
        attempt.succeeds(FILES)
        run.until("Completed", "True")
        admin.delete(item)

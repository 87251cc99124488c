"""publish reports to the operator through a directory that the program could write to: nothing is believed unseen."""

import gzip
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.controller.pods import Attempt, ended
from tests.controller.tenant import FILES, Tenant

from chris_operator.staging import manifest
from chris_operator.staging.contract import Report

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
ETAG = "0" * 32


def _missing(attempt: Attempt, tenant: Tenant) -> Report:
    written = attempt.write(FILES)
    tenant.storage.delete(f"{attempt.prefix}manifest")
    return written


def _tampered(attempt: Attempt, _tenant: Tenant) -> Report:
    written = attempt.write(FILES)
    attempt.put("manifest", manifest.encode([], [attempt.prefix]))
    return written


def _other_digest(attempt: Attempt, _tenant: Tenant) -> Report:
    return replace(attempt.write(FILES), digest="sha256:" + "0" * 64)


def _other_etag(attempt: Attempt, _tenant: Tenant) -> Report:
    return replace(attempt.write(FILES), manifest_etag=ETAG)


def _nonsense(attempt: Attempt, _tenant: Tenant) -> Report:
    written = attempt.write(FILES)
    return replace(written, manifest_etag=attempt.put("manifest", b"nonsense"))


def _foreign(attempt: Attempt, _tenant: Tenant) -> Report:
    written = attempt.write(FILES)
    header = manifest.Header(written.files, written.bytes, written.digest, ("home/another/",))
    return replace(written, manifest_etag=attempt.put("manifest", gzip.compress(header.to_line())))


def _not_ok(attempt: Attempt, _tenant: Tenant) -> Report:
    return replace(attempt.write(FILES), ok=False, code="NoSpace")


LIES: tuple[tuple[Callable[[Attempt, Tenant], Report], str], ...] = (
    (_missing, "its output does not hold: Swift: {prefix}manifest: get_object was refused: 404"),
    (_tampered, "its output does not hold: Swift: {prefix}manifest: ETag is not the reported {etag}: "),
    (
        _other_digest,
        "its output does not hold: Swift: {prefix}manifest: digest is not the reported sha256:0000",
    ),
    (_other_etag, f"its output does not hold: Swift: {{prefix}}manifest: ETag is not the reported {ETAG}: "),
    (_nonsense, "its output does not hold: Swift: {prefix}manifest: is no gzip ("),
    (_foreign, "its output does not hold: Swift: {prefix}manifest: prefix is not among the allowed ones"),
    (_not_ok, "publish failed with NoSpace"),
)


@pytest.mark.parametrize(("lie", "words"), LIES, ids=[lie.__name__.strip("_") for lie, _ in LIES])
def test_an_output_that_does_not_hold_is_not_adopted(
    tenant: Tenant, lie: Callable[[Attempt, Tenant], Report], words: str
):
    run = tenant.run("scan")
    attempt = run.attempt()
    told = lie(attempt, tenant)
    attempt.ends(ended(0), ended(0, message=told.to_json()))
    message = run.until("PublishFailed", attempt=1)
    assert message.startswith("attempt 1: " + words.format(prefix=attempt.prefix, etag=told.manifest_etag))
    assert message.endswith("; attempt 2 follows")
    run.told(("Warning", "PublishFailed", message))
    assert "output" not in run.status
    run.attempt(2).succeeds(FILES)
    run.until("Completed", "True")
    assert run.status["output"]["attempt"] == 2


def test_publishing_that_never_works_is_final(tenant: Tenant):
    run = tenant.run("scan")
    for number in range(1, 7):
        run.attempt(number).ends(ended(0), ended(75))
        if number < 6:
            run.until("PublishFailed", attempt=number)
    message = run.until("PublishFailed", "False")
    assert message.startswith("attempt 6: publish ended with exit code 75")
    assert message.endswith("; no further attempt after 6 of this kind")
    assert run.status["failures"] == {"PublishFailed": 6}


def test_a_program_that_ended_well_is_not_failed_by_what_publish_believes(tenant: Tenant):
    """The kubelet's exit code is the truth; publish reads it where the program could write."""
    run = tenant.run("scan")
    attempt = run.attempt()
    written = attempt.write(FILES, partial=True)
    attempt.ends(ended(0), ended(1, message=written.to_json()))
    assert run.until("PublishFailed", attempt=1).endswith("; attempt 2 follows")
    assert "output" not in run.status

"""What is said of another cluster's Swift that cannot be used: one reason and one remedy for each way to fail."""

import pytest
from tests.readme import README

from chris_operator.controller.swifts import judged
from chris_operator.storage import NotFound, StorageError, Unauthorized, Unavailable, Untrusted

SECRET = "Secret chris-system/moc-swift"
FAILURES = {
    "down": (
        Unavailable("login", "get_auth got no answer", "ConnectionError"),
        "SwiftUnreachable",
        "asked again until it does",
    ),
    "untrusted": (
        Untrusted("login", "get_auth does not trust the server; give it as ConfigMap swift-ca"),
        "SwiftUntrusted",
        f"give it as ca.crt in {SECRET}",
    ),
    "refused": (
        Unauthorized("login", "get_auth was refused", 401),
        "SwiftLoginRefused",
        f"does not accept the credentials of {SECRET} (get_auth was refused: 401): renew them",
    ),
    "not-found": (NotFound("login", "get_auth was refused", 404), "SwiftSecretRefused", "correct it"),
    "no-endpoint": (
        StorageError("login", "Keystone's catalogue has no object-store; correct OS_REGION_NAME"),
        "SwiftSecretRefused",
        "correct OS_REGION_NAME",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_each_failure_has_its_reason_and_remedy(case: str):
    error, reason, words = FAILURES[case]
    found = judged(error, SECRET)
    assert (found.reason, found.ready, found.reachable) == (reason, False, True)
    assert words in found.message
    assert "ConfigMap" not in found.message, "that is where our own Swift's authority is given"
    assert f"| `{reason}` |" in README.read_text()

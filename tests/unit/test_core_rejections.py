"""The remedy that follows the cluster's words, for each kind of words that Kubernetes has."""

import pytest

from chris_operator.core.rejections import with_remedy

RAISE = "have an administrator raise ResourceQuota small of namespace alice"
WIDEN = "ask for what the LimitRanges of namespace alice allow"
INJECTED = "keep injectors and mutating policies off namespace alice"
OTHER = "have an administrator mend namespace alice or the policies that hold there"
SAID = {
    "quota-used-up": ("exceeded quota: small, requested: pods=1, used: pods=4, limited: pods=4", RAISE),
    "quota-wants-more-told": ("failed quota: small: must specify limits.cpu for: publish", RAISE),
    "limit-range-most": ("maximum memory usage per Container is 32Mi, but limit is 200Mi", WIDEN),
    "limit-range-least": ("[minimum cpu usage per Pod is 2, but request is 1200m]", WIDEN),
    "limit-range-ratio": (
        "cpu max limit to request ratio per Container is 2, but provided ratio is 20.000000",
        WIDEN,
    ),
    "pod-security": ('violates PodSecurity "restricted:latest": privileged (container "c")', INJECTED),
    "policy": ("ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no Jobs on Sundays.", OTHER),
    "webhook": ('admission webhook "w.example.org" denied the request: no', OTHER),
}


@pytest.mark.parametrize(("said", "remedy"), SAID.values(), ids=SAID)
def test_the_remedy_follows_the_words(said: str, remedy: str):
    words = with_remedy(f"forbidden: {said}", "alice")
    assert words.startswith(f"forbidden: {said.rstrip('.')}: ")
    assert remedy in words

"""The committed CRDs follow from the models."""

from tests.installation import CRDS

from chris_operator.crds import outdated


def test_crds_follow_from_the_models():
    assert outdated(CRDS) == [], "run `make gen`"

"""The demonstration on a cluster that others use as well."""

from typing import Any

import pytest
import yaml
from demo.__main__ import EXAMPLE, NAMESPACE, is_ours


def test_the_namespace_of_the_example_is_known_again():
    documents = yaml.safe_load_all((EXAMPLE / "first-look.yaml").read_text())
    (namespace,) = [each for each in documents if each["kind"] == "Namespace"]
    assert namespace["metadata"]["name"] == NAMESPACE
    assert is_ours(namespace)


@pytest.mark.parametrize(
    "metadata",
    [{}, {"labels": {"chrisproject.org/user": NAMESPACE}}, {"labels": {"app.kubernetes.io/part-of": "shop"}}],
    ids=["no labels", "a tenant of that name", "part of something else"],
)
def test_somebody_elses_namespace_is_never_removed(metadata: dict[str, Any]):
    assert not is_ours({"metadata": metadata})

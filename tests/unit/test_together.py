"""Tests that share servers or Plugins of their own stay on one worker; all others may run anywhere."""

import pytest
from tests.together import group

GROUPS = {
    "its-folder": ("tests/controller/test_ids.py::test_ids", "tests/controller"),
    "slashes-in-a-parameter": (
        "tests/controller/test_api_rules.py::test_a[plugins/p/plugin.yaml:P/q]",
        "tests/controller",
    ),
    "alone": ("tests/e2e/test_data.py::test_a[x/y]", "tests/e2e/test_data.py::test_a[x/y]"),
    "shared-plugins": ("tests/e2e/test_steering.py::test_a", "tests/e2e/test_steering.py"),
    "hospital": ("tests/e2e/test_hospital_to_cloud.py::test_a", "second cluster"),
    "second-cluster": ("tests/e2e/test_readme.py::test_block[3]", "second cluster"),
}


@pytest.mark.parametrize(("nodeid", "expected"), GROUPS.values(), ids=GROUPS)
def test_group(nodeid: str, expected: str):
    assert group(nodeid) == expected

"""Which tests one worker of pytest-xdist gets together."""

from xdist.scheduler import LoadScopeScheduling

SIDE_BY_SIDE = "tests/e2e/"
"""Each test here has a tenant of its own: they run in any order, several at a time, on the one cluster."""

SECOND_CLUSTER = tuple(
    f"tests/e2e/test_{name}.py" for name in ("readme", "your_cluster", "hospital_to_cloud")
)
"""But these have a second cluster, the first two the same one: one after the other."""

BY_FILE = ("tests/e2e/test_steering.py",)
"""And these share Plugins of their own, which belong to the whole cluster."""


class Together(LoadScopeScheduling):  # type: ignore[misc]  # untyped
    """Keeps the tests on one worker that share servers of their own: those of a folder.

    pytest-xdist's own groups are marks, which its 3.8 loses under pytest 9.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    """What a test is kept together with."""
    if nodeid.startswith(SECOND_CLUSTER):
        return "second cluster"
    file = nodeid.partition("::")[0]  # a test's parameters may hold slashes, too
    if file in BY_FILE:
        return file
    return nodeid if nodeid.startswith(SIDE_BY_SIDE) else file.rpartition("/")[0]

"""Users' regular expressions: searched as Python does, elsewhere, and never for long."""

import pytest

from chris_operator.controller.matching import TooSlowError, found

NAMES = ["a.nii", "sub/b.nii", "c.txt", "\udcff.nii", "ä\n.nii"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("", {0, 1, 2, 3, 4}),
        (r"[.]nii$", {0, 1, 3, 4}),
        ("^sub/", {1}),
        ("(?i)C", {2}),
        ("q", set[int]()),
        ("\udcff", {3}),
    ],
    ids=["everything", "end", "start", "flags", "nothing", "no-utf-8"],
)
def test_an_expression_is_searched(expression: str, expected: set[int]):
    assert found([(expression, NAMES), ("c", ["c"])]) == [expected, {0}]


def test_one_that_takes_for_ever_is_stopped():
    with pytest.raises(TooSlowError, match=r"more than 1 s: write simpler ones"):
        found([("(a|aa)+$", ["a" * 60 + "b"])], cpu_seconds=1)

"""The README's generated parts are what the code says."""

from tests.conftest import Golden
from tests.readme import README, with_generated

from chris_operator.core import meanings, workflow_reasons
from chris_operator.core.phases import Reason


def test_the_table_of_reasons_is_that_of_the_code(golden: Golden):
    table = "\n".join(["", *meanings.table(), "", ""])
    golden(README, with_generated(README.read_text(), "reasons", table))


def test_the_table_of_workflows_reasons_is_that_of_the_code(golden: Golden):
    table = "\n".join(["", *workflow_reasons.table(), "", ""])
    golden(README, with_generated(README.read_text(), "workflow reasons", table))


def test_every_reason_has_a_meaning():
    assert list(meanings.MEANINGS) == list(Reason)

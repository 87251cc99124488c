"""Every command of the README and of the examples' READMEs, in order, on clusters as a reader has them.

The README installs from scratch, so it gets a fresh cluster with a registry and a Swift of its own; the
examples are for the cluster of `make up`.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.aside import put_aside
from tests.crate_validator import judged
from tests.fresh_cluster import ROOT, FreshCluster
from tests.readme import README, Block, blocks, broken_promises

pytestmark = pytest.mark.cluster

BLOCK_SECONDS = 900
WRITTEN = (
    "build/pl-mask-volume",
    "build/install",
    "build/fetched",
    "build/study",
    "build/first-look",
    "build/give-way",
    "build/hours-to-minutes",
    "build/pipeline",
)
"""What the commands write into the checkout; they refuse to overwrite some of it."""
BRAIN_CM3 = 1536.7
"""Volume of the sample's brain mask, as its README says."""


@pytest.fixture(scope="module", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What somebody wrote there before is put aside, and put back."""
    with put_aside(ROOT, WRITTEN, tmp_path_factory.mktemp("aside")):
        yield


def run(block: Block, environment: Mapping[str, str]) -> str:
    """Run a block as one terminal would and return what it printed; it must succeed and keep its promise."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text],
        cwd=ROOT,
        env=environment,
        timeout=BLOCK_SECONDS,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"exit code {done.returncode} of\n{block.text}\n{done.stdout}"
    assert broken_promises(block.promised, done.stdout) == [], done.stdout
    return done.stdout


def kubectl(cluster: FreshCluster, *words: str) -> str:
    done = subprocess.run(
        ["kubectl", *words], env=cluster.environment, capture_output=True, text=True, check=True
    )
    return done.stdout


# What a block must have brought about besides; by a text that only this block contains.


def images_come_from_the_registry(cluster: FreshCluster, output: str) -> None:
    del output
    pods = json.loads(kubectl(cluster, "-n", "chris-system", "get", "pods", "-o", "json"))["items"]
    used = {status["image"] for pod in pods for status in pod["status"]["containerStatuses"]}
    assert used
    assert all(image.startswith(f"{cluster.registry}/chris/operator:") for image in used)
    assert used <= cluster.images()


def both_replicas_run(cluster: FreshCluster, output: str) -> None:
    del cluster
    assert sum(line.startswith("chris-operator-") for line in output.splitlines()) == 2


def the_brain_has_its_volume(cluster: FreshCluster, output: str) -> None:
    del cluster
    (measured,) = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert measured["cm3"] == pytest.approx(BRAIN_CM3, abs=0.1)
    assert "measured " in output


def staging_and_plugins_come_from_the_registry(cluster: FreshCluster, output: str) -> None:
    del output
    names = {image.removeprefix(f"{cluster.registry}/chris/").partition(":")[0] for image in cluster.images()}
    assert names >= {"operator", "staging", "pl-sample-t1", "pl-mask-volume"}


def the_crates_are_accepted(cluster: FreshCluster, output: str) -> None:
    """By the community's validator; one carries the files, the other describes them."""
    del cluster, output
    for crate in ("build/fetched/scan-crate", "build/fetched/scan.zip"):
        assert judged(ROOT / crate).required == []


def nothing_is_left(cluster: FreshCluster, output: str) -> None:
    del output
    assert "chris" not in kubectl(cluster, "get", "namespaces", "-o", "name")
    assert "chris" not in kubectl(cluster, "get", "clusterroles,clusterrolebindings", "-o", "name")
    policies = kubectl(cluster, "get", "validatingadmissionpolicies", "-o", "name")
    assert "chris" not in policies


FOLLOW_UPS: dict[str, Callable[[FreshCluster, str], None]] = {
    "apply -k build/install": images_come_from_the_registry,
    "chris_leading": both_replicas_run,
    "kubectl chris cp -n neuro volume": the_brain_has_its_volume,
    "kubectl chris crate -n neuro": the_crates_are_accepted,
    "job/volume-1": staging_and_plugins_come_from_the_registry,
    "delete -k build/install": nothing_is_left,
}

STORY = blocks(README.read_text())


def test_every_follow_up_belongs_to_one_block():
    counts = {text: sum(text in block.text for block in STORY) for text in FOLLOW_UPS}
    assert counts == dict.fromkeys(FOLLOW_UPS, 1)


@pytest.mark.parametrize("block", STORY, ids=[block.id for block in STORY])
def test_readme(block: Block, fresh: FreshCluster):
    output = run(block, fresh.environment)
    for text, follow_up in FOLLOW_UPS.items():
        if text in block.text:
            follow_up(fresh, output)


EXAMPLES = [
    (path, block) for path in sorted(ROOT.glob("examples/*/README.md")) for block in blocks(path.read_text())
]


@pytest.mark.parametrize(
    ("path", "block"), EXAMPLES, ids=[f"{path.parent.name}-{block.id}" for path, block in EXAMPLES]
)
def test_example(path: Path, block: Block):
    del path
    run(block, os.environ)

import hashlib
from pathlib import PurePosixPath

import pytest
from pl_register import inputs

HEAD, BRAIN, WHITE = "sub-1_T1w.nii.gz", "sub-1_desc-brain_mask.nii.gz", "sub-1_desc-wm_mask.nii.gz"


def choose(*names):
    return inputs.choose([PurePosixPath(name) for name in names])


@pytest.mark.parametrize(
    ("names", "head", "white"),
    [
        pytest.param([HEAD, BRAIN, WHITE], HEAD, WHITE, id="all three"),
        pytest.param([HEAD, BRAIN], HEAD, None, id="no white truth"),
        pytest.param([f"anat/{HEAD}", f"masks/{BRAIN}"], f"anat/{HEAD}", None, id="in folders"),
        pytest.param(["sub-1_T1w.nii", BRAIN], "sub-1_T1w.nii", None, id="not compressed"),
        pytest.param(
            [HEAD, BRAIN, "sub-1_space-MNI152_desc-brain_T1w.nii.gz"], HEAD, None, id="results beside it"
        ),
        pytest.param([HEAD, BRAIN, "sub-2_desc-brain_mask.nii.gz"], HEAD, None, id="another subject's mask"),
        pytest.param(["x.txt", "a/b.nii.gz", HEAD, BRAIN], HEAD, None, id="other files"),
    ],
)
def test_choose(names, head, white):
    scan = choose(*names)
    assert scan.subject == "sub-1"
    assert str(scan.head) == head
    assert scan.brain.name == BRAIN
    assert (str(scan.white) if scan.white else None) == white


def test_entities_of_the_name_belong_to_the_subject():
    scan = choose("sub-1_ses-2_acq-x_T1w.nii.gz", "sub-1_ses-2_acq-x_desc-brain_mask.nii.gz")
    assert scan.subject == "sub-1_ses-2_acq-x"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        pytest.param(
            [],
            r"looked for one head scan \(<subject>_T1w.nii.gz\) and found none; the input has no files",
            id="empty",
        ),
        pytest.param(["a.txt"], r"found none; the input has 1: a.txt", id="no scan"),
        pytest.param(
            [HEAD],
            r"brain mask \(sub-1_desc-brain_mask.nii.gz\) and found none; the input has 1: sub-1",
            id="no mask",
        ),
        pytest.param(
            [HEAD, "sub-2_T1w.nii.gz", BRAIN],
            r"found 2: sub-1_T1w.nii.gz, sub-2_T1w.nii.gz; give one scan, or each in",
            id="two heads",
        ),
        pytest.param([HEAD, BRAIN, f"a/{BRAIN}"], r"brain mask .* found 2", id="two masks"),
        pytest.param(
            [f"{n:02}.txt" for n in range(12)],
            r"the input has 12: 00.txt, .*, 09.txt and 2 more",
            id="many files",
        ),
    ],
)
def test_what_was_looked_for_and_what_was_there(names, message):
    with pytest.raises(inputs.InputError, match=message):
        choose(*names)


def subject(number, folder):
    return [f"{folder}sub-{number}_{part}.nii.gz" for part in ("T1w", "desc-brain_mask")]


@pytest.mark.parametrize(
    ("names", "places"),
    [
        pytest.param([HEAD, BRAIN], {"sub-1": "."}, id="one at the top"),
        pytest.param([f"a/b/{HEAD}", f"a/b/{BRAIN}"], {"sub-1": "a"}, id="one deep in a folder"),
        pytest.param(
            [*subject(1, "one/"), *subject(2, "two/anat/")], {"sub-1": "one", "sub-2": "two"}, id="two"
        ),
        pytest.param(
            [*subject(1, "one/"), *subject(1, "two/"), "empty/x.txt", "y.txt"],
            {"sub-1": "two"},
            id="one subject twice",
        ),
    ],
)
def test_each_folder_has_a_scan_of_its_own(names, places):
    scans = inputs.choose_all([PurePosixPath(name) for name in names])
    assert {scan.subject: str(scan.place) for scan in scans} == places
    assert all(scan.brain.parts[0] == scan.head.parts[0] for scan in scans if scan.head.parent.name)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        pytest.param([*subject(1, ""), *subject(2, "two/")], "found 2: sub-1_T1w", id="one at the top"),
        pytest.param(
            [*subject(1, "one/"), *subject(2, "two/a/"), *subject(3, "two/b/")],
            "found 2: two/a/sub-2_T1w.nii.gz, two/b/sub-3",
            id="two in a folder",
        ),
        pytest.param([*subject(1, "one/"), "two/sub-2_T1w.nii.gz"], "brain mask", id="no mask in a folder"),
    ],
)
def test_a_folder_must_have_one_scan(names, message):
    with pytest.raises(inputs.InputError, match=message):
        inputs.choose_all([PurePosixPath(name) for name in names])


def test_find_looks_everywhere_and_sums_what_it_reads(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / HEAD).write_bytes(b"head")
    (tmp_path / BRAIN).write_bytes(b"brain")
    (tmp_path / "unread.txt").write_bytes(b"")
    (scan,) = inputs.find(tmp_path)
    sums = inputs.checksums(tmp_path, scan)
    assert sums[BRAIN] == hashlib.sha256(b"brain").hexdigest()
    assert list(sums) == [f"deep/er/{HEAD}", BRAIN]

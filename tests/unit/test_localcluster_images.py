"""Images are found, keyed by exactly what they can contain, and built by the right commands."""

import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from localcluster import blobs, images, kind, oci, pipconf, specs
from localcluster.builder import build_words, is_insecure
from localcluster.errors import ClusterError
from localcluster.specs import ImageSpec

PLUGIN = "spec:\n  name: pl-a\n  dockImage: localhost/chris/pl-a:1.2.3\n"


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    write(
        tmp_path / "operator/Dockerfile",
        "FROM x AS base\nCOPY src /src\nFROM base AS operator\nFROM base AS staging\n",
    )
    write(tmp_path / "src/a.py", "print(1)")
    write(tmp_path / "src/tests/test_a.py", "assert True")
    write(tmp_path / "unrelated.txt", "1")
    write(tmp_path / "plugins/pl-a/Dockerfile", "FROM x\nCOPY . /src\n")
    write(tmp_path / "plugins/pl-a/plugin.yaml", PLUGIN)
    write(tmp_path / "plugins/pl-dircopy/plugin.yaml", "spec: {name: pl-dircopy}\n")
    return tmp_path


def test_images_are_found(checkout: Path):
    found = [(spec.repository, spec.tag, spec.target) for spec in specs.discover(checkout)]
    assert found == [
        ("localhost/chris/operator", "dev", "operator"),
        ("localhost/chris/staging", "dev", "staging"),
        ("localhost/chris/pl-a", "1.2.3", ""),
    ]


def test_an_unknown_image_is_named_with_those_there_are(checkout: Path):
    with pytest.raises(ClusterError, match=r"image pl-b: .* it has operator, staging, pl-a"):
        specs.discover(checkout, ["pl-b"])


def test_an_unfinished_plugin_stops_only_itself(checkout: Path):
    write(checkout / "plugins/pl-c/Dockerfile", "FROM x\n")
    assert [spec.name for spec in specs.discover(checkout, ["staging"])] == ["staging"]
    with pytest.raises(
        ClusterError, match=r"pl-c/plugin.yaml: dockImage must be localhost/chris/pl-c:<version>"
    ):
        specs.discover(checkout)


CHANGES: dict[str, tuple[Callable[[Path], object], bool]] = {
    "a source": (lambda top: write(top / "src/a.py", "print(2)"), True),
    "a new source": (lambda top: write(top / "src/b.py", ""), True),
    "a name": (lambda top: (top / "src/a.py").rename(top / "src/c.py"), True),
    "a mode": (lambda top: (top / "src/a.py").chmod(0o755), True),
    "the Dockerfile": (
        lambda top: write(top / "operator/Dockerfile", "FROM y AS operator\nCOPY src /src\n"),
        True,
    ),
    "a time": (lambda top: os.utime(top / "src/a.py", (0, 0)), False),
    "a test": (lambda top: write(top / "src/tests/test_a.py", "assert False"), False),
    "a cache": (lambda top: write(top / "src/__pycache__/a.pyc", "x"), False),
    "a file it does not copy": (lambda top: write(top / "unrelated.txt", "2"), False),
}


@pytest.mark.parametrize(("change", "differs"), CHANGES.values(), ids=CHANGES.keys())
def test_key_follows_content(checkout: Path, change: Callable[[Path], object], differs: bool):
    (spec,) = specs.discover(checkout, ["operator"])
    before = specs.content_key(spec, "base")
    change(checkout)
    assert (specs.content_key(spec, "base") != before) is differs


def test_key_follows_base_and_target(checkout: Path):
    operator, staging = specs.discover(checkout, ["operator", "staging"])
    keys = {
        specs.content_key(operator, "1"),
        specs.content_key(operator, "2"),
        specs.content_key(staging, "1"),
    }
    assert len(keys) == 3


def test_a_frozen_image_is_what_its_key_covers_whatever_happens_meanwhile(checkout: Path):
    (spec,) = specs.discover(checkout, ["operator"])
    before = specs.content_key(spec, "base")
    with specs.frozen(spec) as snapshot:
        write(checkout / "src/a.py", "print(3)")
        staged = [path for path in snapshot.context.rglob("*") if path.is_file()]
        assert [str(path.relative_to(snapshot.context)) for path in staged] == ["src/a.py"]
        assert specs.content_key(snapshot, "base") == before
    assert not snapshot.context.exists()


def test_a_copied_path_that_does_not_exist_is_named(checkout: Path):
    write(checkout / "plugins/pl-a/Dockerfile", "FROM x\nCOPY gone.txt /\n")
    (spec,) = specs.discover(checkout, ["pl-a"])
    with pytest.raises(ClusterError, match=r"COPY names .gone\.txt., which does not exist"):
        specs.content_key(spec, "base")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("localhost/chris/pl-a:0123456789ab", True),
        ("localhost/chris/pl-a:1.2.3", False),
        ("localhost/chris/pl-a:dev", False),
        ("localhost/chris/pl-ab:0123456789ab", False),
    ],
)
def test_only_content_keys_of_this_image_are_swept(checkout: Path, name: str, expected: bool):
    (spec,) = specs.discover(checkout, ["pl-a"])
    assert images.is_content_key(spec, name) is expected


def test_deployed_references(checkout: Path):
    operator, plugin = specs.discover(checkout, ["operator", "pl-a"])
    assert images.entry(operator, "k", "h:5000/p/")["ref"] == "h:5000/p/operator:k"
    assert images.entry(plugin, "k", "h:5000/p")["ref"] == "h:5000/p/pl-a:1.2.3"


SPEC = ImageSpec("staging", "dev", Path("/c"), Path("/c/operator/Dockerfile"), "staging")


def test_buildah_command():
    assert " ".join(build_words(SPEC, "n:k", "b:1", ["/a:/b:ro"])) == (
        "bud --isolation chroot --layers --pull-never --build-arg PYTHON_IMAGE=b:1 -v /a:/b:ro "
        "--target staging -f /c/operator/Dockerfile -t n:k /c"
    )


def test_docker_and_kind_commands():
    assert " ".join(kind.docker_build_words(SPEC, "n:k")) == (
        "build -q --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm --target staging "
        "-f /c/operator/Dockerfile -t n:k /c"
    )
    assert (
        " ".join(kind.create_words(Path("/k"))) == "create cluster --name chris --kubeconfig /k --wait 180s"
    )
    assert " ".join(kind.load_words("n:k")) == "load docker-image --name chris n:k"


@pytest.mark.parametrize(
    ("script", "wish", "expected"),
    [
        pytest.param("echo 27.1", "", True, id="answers"),
        pytest.param("echo 27.1", "localcluster", False, id="not wanted"),
        pytest.param("echo", "", False, id="client without server"),
        pytest.param("echo 'Cannot connect' >&2; exit 1", "", False, id="refused"),
    ],
)
def test_a_docker_engine_counts_only_when_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, wish: str, expected: bool
):
    docker = tmp_path / "docker"
    docker.write_text(f"#!/bin/sh\n{script}\n")
    docker.chmod(docker.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("CHRIS_CLUSTER", wish)
    assert kind.engine_answers() is expected


def test_pip_settings_rank_as_in_pip(tmp_path: Path):
    write(tmp_path / "a.conf", "[global]\nindex-url = one\ntimeout = 5\n[install]\nno-compile = true\n")
    write(tmp_path / "b.conf", "[global]\nindex-url = two\ncache-dir = /home/me\n")
    options = pipconf.settings(
        [tmp_path / "a.conf", tmp_path / "b.conf"],
        {"PIP_FIND_LINKS": "/x /y", "PIP_TIMEOUT": "9", "HOME": "/"},
    )
    assert options == {"index-url": "two", "timeout": "9", "no-compile": "true", "find-links": "/x /y"}
    assert pipconf.render(options).startswith("[global]\nfind-links = /x\n    /y\nindex-url = two\n")


def test_only_places_that_exist_are_mounted(tmp_path: Path):
    options = {
        "find-links": f"{tmp_path} /gone https://example.org/x",
        "cert": "/etc/ssl/certs/ca-certificates.crt",
    }
    assert pipconf.local_paths(options) == [str(tmp_path)]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("localhost:5000/x", True),
        ("10.90.0.254:5000/x", True),
        ("8.8.8.8/x", False),
        ("example.org:5000/x", False),
    ],
)
def test_plain_http_is_tried_only_where_no_authority_certifies(target: str, expected: bool):
    assert is_insecure(target) is expected


def test_images_share_what_they_have_in_common(tmp_path: Path):
    store = blobs.BlobStore(tmp_path / "store")
    for name, layers in (("a-000000000001", [b"base", b"one"]), ("a-000000000002", [b"base", b"two"])):
        docker_archive(tmp_path / "image.tar", layers)
        store.add(name, tmp_path / "image.tar")
    assert store.has("a-000000000001")
    assert len(list((tmp_path / "store/blobs").iterdir())) == 5  # two configurations, three layers
    sent = io.BytesIO()
    assert store.send("a-000000000002", "localhost/a:2", {digest(b"base")}, sent) == sum(
        file.stat().st_size for file in (tmp_path / "store/blobs").iterdir() if file.name in names_in(sent)
    )
    assert digest(b"two").removeprefix("sha256:") in names_in(sent)
    assert digest(b"base").removeprefix("sha256:") not in names_in(sent)
    assert store.prune("a", 1) == ["000000000001"]
    assert not store.has("a-000000000001")
    assert store.has("a-000000000002")
    assert len(list((tmp_path / "store/blobs").iterdir())) == 3


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def names_in(archive: io.BytesIO) -> set[str]:
    archive.seek(0)
    with tarfile.open(fileobj=archive) as tar:
        return {name.rpartition("/")[2] for name in tar.getnames()}


def docker_archive(target: Path, layers: list[bytes]) -> None:
    """An image as `buildah push docker-archive:` writes it, with bytes for layers."""
    config = json.dumps({"rootfs": {"diff_ids": [digest(layer) for layer in layers]}}).encode()
    members = {f"{digest(layer)[7:]}.tar": layer for layer in layers} | {"c.json": config}
    listed = [{"Config": "c.json", "Layers": [f"{digest(layer)[7:]}.tar" for layer in layers]}]
    with tarfile.open(target, "w") as tar:
        for name, data in {**members, "manifest.json": json.dumps(listed).encode()}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def test_an_archive_of_one_binary(tmp_path: Path):
    write(tmp_path / "pause", "#!")
    for name in ("one.tar", "two.tar"):
        oci.write_archive(tmp_path / "pause", "localhost/chris/pause:1", tmp_path / name)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as archive:
        blobs = {
            member.name.rpartition("/")[2]: content.read()
            for member in archive
            if member.name.startswith("blobs/") and (content := archive.extractfile(member))
        }
        index_file = archive.extractfile("index.json")
        assert index_file is not None
        index = json.load(index_file)
    assert all(hashlib.sha256(data).hexdigest() == name for name, data in blobs.items())
    manifest = json.loads(blobs[index["manifests"][0]["digest"].removeprefix("sha256:")])
    config = json.loads(blobs[manifest["config"]["digest"].removeprefix("sha256:")])
    assert config["config"] == {"Entrypoint": ["/pause"], "User": "65535:65535"}

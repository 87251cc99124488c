"""What `make images REGISTRY=…` writes for one's own cluster."""

import json
from pathlib import Path
from typing import Any

import pytest
from localcluster import install, overlay, specs
from localcluster.config import CHECKOUT
from localcluster.errors import ClusterError
from localcluster.install import Pushed
from localcluster.specs import ImageSpec

from chris_operator.core.links import LINK_ONLY

PREFIX = "registry.example.org/chris"
PLUGIN = "spec:\n  name: pl-a\n  dockImage: localhost/chris/pl-a:1.2.3  # ours\n"


def image(name: str, prefix: str = PREFIX) -> dict[str, str]:
    return {"ref": f"{prefix}/{name}:k-{name}", "key": f"k-{name}"}


def pushed(name: str, folder: Path, *, plugin: bool = False, prefix: str = PREFIX) -> Pushed:
    spec = ImageSpec(name, "1", folder, folder / "Dockerfile", follows_content=not plugin)
    return Pushed(spec, image(name, prefix))


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    folder = tmp_path / "pl-a"
    folder.mkdir()
    (folder / "plugin.yaml").write_text(PLUGIN)
    (folder / "Dockerfile").write_text("FROM x\n")
    return folder


def kustomization(target: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((target / "kustomization.yaml").read_text())
    return found


def test_every_image_is_named_by_its_content():
    made = overlay.kustomization({name: image(name) for name in ("operator", "staging")}, "../base")
    assert made["resources"] == ["../base"]
    assert {each["name"]: f"{each['newName']}:{each['newTag']}" for each in made["images"]} == {
        f"localhost/chris/{name}": f"{PREFIX}/{name}:k-{name}" for name in ("operator", "staging")
    }
    (patch,) = made["patches"]
    (container,) = json.loads(patch["patch"])["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "CHRIS_STAGING_IMAGE", "value": f"{PREFIX}/staging:k-staging"}]


def test_the_node_directory_of_the_development_swift_is_patched():
    images = {name: image(name) for name in ("operator", "staging", "swift")}
    patch = overlay.kustomization(images, "../dev", "/here/swift")["patches"][-1]
    assert patch["target"] == {"kind": "Deployment", "name": "swift"}
    assert json.loads(patch["patch"])[0]["value"] == "/here/swift"


def test_nothing_is_deployed_without_our_two_images():
    with pytest.raises(ClusterError, match="images staging are not built: run `make images` first"):
        overlay.kustomization({"operator": image("operator")}, "../base")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("  dockImage: localhost/chris/pl-a:1", f"  dockImage: {PREFIX}/pl-a:1"),
        ('  dockImage: "localhost/chris/pl-a:1"', f'  dockImage: "{PREFIX}/pl-a:1"'),
        ("  dockImage: localhost/fnndsc/pl-dircopy:2", "  dockImage: localhost/fnndsc/pl-dircopy:2"),
        ("  documentation: localhost/chris/pl-a:1", "  documentation: localhost/chris/pl-a:1"),
    ],
    ids=["ours", "quoted", "another's", "another field"],
)
def test_only_our_images_move_to_the_registry(line: str, expected: str):
    assert overlay.plugin_text(f"spec:\n{line}\n", f"{PREFIX}/") == f"spec:\n{expected}\n"


def test_a_plugin_alone_cannot_be_installed_but_is_written(tmp_path: Path, plugin: Path):
    target = tmp_path / "install"
    assert install.write(PREFIX, [pushed("pl-a", plugin, plugin=True)], target) is False
    assert f"dockImage: {PREFIX}/pl-a:1.2.3  # ours" in (target / "plugins" / "pl-a.yaml").read_text()
    assert not (target / "kustomization.yaml").exists()


def test_plugins_without_an_image_come_along(tmp_path: Path, plugin: Path):
    target = tmp_path / "install"
    install.write(PREFIX, [pushed("pl-a", plugin, plugin=True)], target)
    written = {file.stem for file in (target / "plugins").iterdir()}
    assert written == {"pl-a", *LINK_ONLY}


def test_a_later_push_to_the_same_registry_adds(tmp_path: Path, plugin: Path):
    target = tmp_path / "install"
    install.write(PREFIX, [pushed("operator", tmp_path)], target)
    assert install.write(PREFIX, [pushed("staging", tmp_path)], target) is True
    assert install.write(PREFIX, [pushed("pl-a", plugin, plugin=True)], target) is True
    assert {each["newTag"] for each in kustomization(target)["images"]} == {"k-operator", "k-staging"}


def test_another_registry_starts_afresh(tmp_path: Path):
    target = tmp_path / "install"
    install.write(PREFIX, [pushed("operator", tmp_path), pushed("staging", tmp_path)], target)
    assert install.write("other.example.org", [pushed("operator", tmp_path)], target) is False
    assert not (target / "kustomization.yaml").exists()


def test_the_kustomization_names_the_base_it_is_over(tmp_path: Path):
    target = tmp_path / "install"
    install.write(PREFIX, [pushed("operator", tmp_path), pushed("staging", tmp_path)], target)
    (base,) = kustomization(target)["resources"]
    assert (target / base / "kustomization.yaml").samefile(install.BASE / "kustomization.yaml")


def test_an_installation_has_neither_test_plugins_nor_the_development_swift():
    apart = {spec.name for spec in specs.discover(CHECKOUT) if not specs.is_installed(CHECKOUT, spec)}
    assert apart == {"swift", "pl-testprobe", "pl-teststatic"}


def test_a_folder_anywhere_is_a_plugin(tmp_path: Path, plugin: Path):
    (found,) = specs.discover(tmp_path, [f"{plugin}/"])
    assert (found.name, found.tag, found.context) == ("pl-a", "1.2.3", plugin)


def test_a_folder_without_a_dockerfile_is_named(tmp_path: Path):
    with pytest.raises(ClusterError, match=r"image \./none: .* nor is it a folder with a Dockerfile"):
        specs.discover(tmp_path, ["./none"])

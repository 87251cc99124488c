"""Registration itself: ANTs' images in, transforms and warped images out.

ANTs keeps world coordinates in LPS and millimetres; its arrays are in the order (i, j, k).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ants
import numpy as np

from pl_register.algorithm import Mask, OnTemplate, Volume, bounding_box, pack, unpack

MARGIN_VOXELS = 10


@dataclass(frozen=True)
class Head:
    """A scan cut down to its brain and a margin: an ANTs image, zero outside the brain, and masks on its grid.

    Most of a head scan is air and neck; without them SyN takes a third less time for the same result.
    """

    brain: Any
    masks: dict[str, Mask]


@dataclass(frozen=True)
class Transforms:
    """Files of a registration.

    They map *points* of the template to the scan, in LPS mm, the warp first and then the affine part; so they carry
    *images* from the scan to the template. The inverse warp leads the other way.
    """

    affine: Path
    warp: Path
    inverse_warp: Path

    @property
    def forward(self) -> list[str]:
        """As `ants.apply_transforms` wants them, to bring the scan to the template."""
        return [str(self.warp), str(self.affine)]


def cut(scan: Any, masks: dict[str, Mask]) -> Head:
    """Mask a scan by its brain, then cut it and all its masks to the brain's box.

    `scan` is an ANTs image; `masks` have its shape and include `brain`. Raises ValueError if that is empty, or if
    the scan has nothing in it that could be aligned.
    """
    inside = scan.numpy()[masks["brain"]]
    if inside.size and inside.min() == inside.max():
        message = f"the scan has the same value ({inside.min():g}) all over it; is it the mask of this scan?"
        raise ValueError(message)
    low, high = bounding_box(masks["brain"], MARGIN_VOXELS)
    box = tuple(slice(first, after) for first, after in zip(low, high, strict=True))
    intensities: Volume = np.where(masks["brain"], scan.numpy(), 0)[box].astype(np.float32)
    origin = np.array(scan.origin) + scan.direction @ (np.array(scan.spacing) * low)
    brain = ants.from_numpy(intensities, origin=tuple(origin), spacing=scan.spacing, direction=scan.direction)
    return Head(brain, {name: mask[box] for name, mask in masks.items()})


def register(fixed: Any, head: Head, scratch: Path) -> Transforms:
    """Affine, then SyN, of a head to `fixed`, a template on the grid that is to be matched.

    `scratch` must be a fresh, empty folder: ANTs finds its results by globbing there, so stale files would be
    taken for transforms. Raises RuntimeError if no alignment is found.
    """
    prefix = f"{scratch}/"
    found = ants.registration(fixed, head.brain, type_of_transform="SyN", outprefix=prefix)
    warp, affine = (Path(file) for file in found["fwdtransforms"])
    return Transforms(affine, warp, Path(found["invtransforms"][1]))


def carry(head: Head, grid: Any, transforms: list[str]) -> OnTemplate:
    """Bring a head to the grid of an ANTs image by transforms; none of them means world coordinates as scanned.

    Intensities linearly, all masks in one go by nearest neighbour.
    """
    like = {"origin": head.brain.origin, "spacing": head.brain.spacing, "direction": head.brain.direction}
    packed = ants.from_numpy(pack(head.masks).astype(np.float32), **like)
    intensities = ants.apply_transforms(grid, head.brain, transforms, interpolator="linear")
    labels = ants.apply_transforms(grid, packed, transforms, interpolator="nearestNeighbor")
    return OnTemplate(intensities.numpy().astype(np.float32), unpack(labels.numpy(), list(head.masks)))

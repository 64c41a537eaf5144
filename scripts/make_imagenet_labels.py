"""Writes src/models/imagenet/labels.ts and synsets.ts from torchvision's and timm's lists of the ImageNet classes.

    python scripts/make_imagenet_labels.py

The labels are `torchvision/models/_meta.py`, `_IMAGENET_CATEGORIES` (BSD-3-Clause). They are read from the source by its
syntax tree, so that torchvision's compiled operators need not load. The WordNet ids are `timm/data/_info/imagenet_synsets.txt`.
"""

import ast
import importlib.util
from pathlib import Path

IMAGENET = Path(__file__).resolve().parent.parent / "src" / "models" / "imagenet"
TARGET = IMAGENET / "labels.ts"
SYNSETS_TARGET = IMAGENET / "synsets.ts"
HEADER = """/**
 * The 1,000 ImageNet categories in class order, as torchvision spells them: `torchvision/models/_meta.py`,
 * Copyright (c) Soumith Chintala 2016, BSD-3-Clause. Written by `scripts/make_imagenet_labels.py`.
 */
export const IMAGENET_LABELS: readonly string[] = [
"""


SYNSETS_HEADER = """/**
 * WordNet 3.0 ids of the 1,000 ImageNet classes in class order: `timm/data/_info/imagenet_synsets.txt` (Apache-2.0).
 * Written by `scripts/make_imagenet_labels.py`.
 */
export const IMAGENET_SYNSETS: readonly string[] = [
"""


def categories() -> list[str]:
    package = importlib.util.find_spec("torchvision")
    source = (Path(package.origin).parent / "models" / "_meta.py").read_text()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "_IMAGENET_CATEGORIES":
            return ast.literal_eval(node.value)
    raise SystemExit("torchvision/models/_meta.py holds no _IMAGENET_CATEGORIES")


def synsets() -> list[str]:
    package = importlib.util.find_spec("timm")
    return (Path(package.origin).parent / "data" / "_info" / "imagenet_synsets.txt").read_text().split()


def quoted(label: str) -> str:
    return f'"{label}"' if "'" in label else f"'{label}'"


def main() -> None:
    labels = categories()
    assert len(labels) == 1000 and not any('"' in label or "\\" in label for label in labels)
    TARGET.write_text(HEADER + "".join(f"  {quoted(label)},\n" for label in labels) + "];\n")
    ids = synsets()
    # Class order is that of the ids.
    assert len(ids) == 1000 and ids == sorted(ids)
    SYNSETS_TARGET.write_text(SYNSETS_HEADER + "".join(f"  '{each}',\n" for each in ids) + "];\n")


if __name__ == "__main__":
    main()

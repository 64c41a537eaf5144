"""Writes src/model/imagenet-labels.ts from torchvision's list of the ImageNet categories.

    python scripts/make_imagenet_labels.py

The list is `torchvision/models/_meta.py`, `_IMAGENET_CATEGORIES` (BSD-3-Clause). It is read from the source by its
syntax tree, so that torchvision's compiled operators need not load.
"""

import ast
import importlib.util
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "src" / "model" / "imagenet-labels.ts"
HEADER = """/**
 * The 1,000 ImageNet categories in class order, as torchvision spells them: `torchvision/models/_meta.py`,
 * Copyright (c) Soumith Chintala 2016, BSD-3-Clause. Written by `scripts/make_imagenet_labels.py`.
 */
export const IMAGENET_LABELS: readonly string[] = [
"""


def categories() -> list[str]:
    package = importlib.util.find_spec("torchvision")
    source = (Path(package.origin).parent / "models" / "_meta.py").read_text()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "_IMAGENET_CATEGORIES":
            return ast.literal_eval(node.value)
    raise SystemExit("torchvision/models/_meta.py holds no _IMAGENET_CATEGORIES")


def quoted(label: str) -> str:
    return f'"{label}"' if "'" in label else f"'{label}'"


def main() -> None:
    labels = categories()
    assert len(labels) == 1000 and not any('"' in label or "\\" in label for label in labels)
    TARGET.write_text(HEADER + "".join(f"  {quoted(label)},\n" for label in labels) + "];\n")


if __name__ == "__main__":
    main()

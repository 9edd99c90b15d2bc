"""Check that a wheel holds what it must and nothing that it must not: wheel_contents.py WHEEL."""

from __future__ import annotations

import sys
import zipfile

NEEDED = (
    "zoo/py.typed",
    "zoo/recipes/seed.toml",
    "zoo/recipes/strong.toml",
    "zoo/scaffold/templates/pyproject.toml.template",
    "zoo/datasets/udacity_manifest.csv",
    "zoo/plugins/__init__.py",
    "zoo/testing/__init__.py",
    "zoo/export/__init__.py",
    "zoo/prediction/__init__.py",
    "zoo/models/catalogue.toml",
    "zoo/media/__init__.py",
    "zoo/evaluation/__init__.py",
    "zoo/evaluation/page/assets/page.html",
    "zoo/evaluation/page/assets/page.css",
    "zoo/evaluation/page/assets/main.js",
)

files = zipfile.ZipFile(sys.argv[1]).namelist()
missing = [name for name in NEEDED if name not in files]
if not any(name.endswith(".dist-info/licenses/LICENSE") for name in files):
    missing.append("LICENSE")
strays = sorted({top for name in files if (top := name.split("/")[0]) != "zoo"})
strays = [top for top in strays if not top.endswith(".dist-info")]
if missing or strays:
    sys.exit(f"{sys.argv[1]}: missing {missing}; beside zoo/ stand {strays}")
print(f"wheel: {len(files)} files, all of them below zoo/")

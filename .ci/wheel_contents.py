"""Check that a wheel holds what it must and nothing that it must not: wheel_contents.py WHEEL."""

from __future__ import annotations

import hashlib
import sys
import tomllib
import zipfile

NEEDED = (
    "zoo/py.typed",
    "zoo/config/recipes/seed.toml",
    "zoo/config/recipes/strong.toml",
    "zoo/scaffold/templates/pyproject.toml.template",
    "zoo/datasets/udacity_manifest.csv",
    "zoo/plugins/__init__.py",
    "zoo/testing/__init__.py",
    "zoo/doctor/__init__.py",
    "zoo/export/__init__.py",
    "zoo/prediction/__init__.py",
    "zoo/runs/bundled/catalogue.toml",
    "zoo/media/__init__.py",
    "zoo/model/__init__.py",
    "zoo/verbs/__init__.py",
    "zoo/evaluation/__init__.py",
    "zoo/evaluation/page/assets/page.html",
    "zoo/evaluation/page/assets/page.css",
    "zoo/evaluation/page/assets/main.js",
)


def absent_models(wheel: zipfile.ZipFile) -> list[str]:
    """Files of bundled models that are missing: of the default, and of each without an address."""
    catalogue = tomllib.loads(wheel.read("zoo/runs/bundled/catalogue.toml").decode())
    bad = []
    for name, entry in catalogue.items():
        for file, facts in entry["files"].items():
            path = f"zoo/runs/bundled/{name}/{file}"
            there = path in wheel.namelist()
            if there and hashlib.sha256(wheel.read(path)).hexdigest() == facts["sha256"]:
                continue
            if there or entry.get("default") or not entry.get("address"):
                bad.append(path)
    return bad


wheel = zipfile.ZipFile(sys.argv[1])
files = wheel.namelist()
missing = [name for name in NEEDED if name not in files]
missing += [] if missing else absent_models(wheel)
if not any(name.endswith(".dist-info/licenses/LICENSE") for name in files):
    missing.append("LICENSE")
strays = sorted({top for name in files if (top := name.split("/")[0]) != "zoo"})
strays = [top for top in strays if not top.endswith(".dist-info")]
if missing or strays:
    sys.exit(f"{sys.argv[1]}: missing {missing}; beside zoo/ stand {strays}")
print(f"wheel: {len(files)} files, all of them below zoo/")

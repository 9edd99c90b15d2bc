"""Check that a wheel has all files that it needs, and no others: wheel_contents.py WHEEL."""

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
    """Missing or wrong files of bundled models.

    The default model and models without an address must be complete. Other models may be absent.
    """
    catalogue = tomllib.loads(wheel.read("zoo/runs/bundled/catalogue.toml").decode())
    problems = []
    for name, entry in catalogue.items():
        for file, facts in entry["files"].items():
            path = f"zoo/runs/bundled/{name}/{file}"
            present = path in wheel.namelist()
            if present and hashlib.sha256(wheel.read(path)).hexdigest() == facts["sha256"]:
                continue
            if present or entry.get("default") or not entry.get("address"):
                problems.append(path)
    return problems


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

"""What ``zoo new`` writes: a package with one plugin that works, to be changed from there.

The texts are ``string.Template`` files in ``templates``; :mod:`zoo.scaffold.names` says which names
a package may have, :mod:`zoo.scaffold.writer` writes it.
"""

from .names import PackageNames, choose_names
from .writer import Package, write_package

__all__ = ["Package", "PackageNames", "choose_names", "write_package"]

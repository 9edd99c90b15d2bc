"""Files on disk: written whole, read with limits, found below folders, named, read as tables."""

from zoo.files.whole import disk_refuses, remove_leftovers, write_whole, zoo_home

__all__ = ["disk_refuses", "remove_leftovers", "write_whole", "zoo_home"]

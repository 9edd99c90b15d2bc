"""Models that are ready to use: the one in the box, and those of the catalogue.

A model is a folder with the files of a run that predictions need: ``best.safetensors``,
``config.toml``, ``record.json`` and ``card.md``. The box is this very package.
"""

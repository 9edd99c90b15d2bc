"""From an adapter's samples to batches on the training device.

adapter > :mod:`table` (labels) > :mod:`store` (regions as packed pixels) > :mod:`batches` >
:mod:`augment`. :mod:`locate` finds the files.
"""

"""Finds faults of a data set before a model is trained on it. No torch here.

:func:`.report.audit` runs every check: on splits (:mod:`.sharing`, :mod:`.duplicates`), on pictures
(:mod:`.pictures`, :mod:`.similarity`) and on labels (:mod:`.labels`, :mod:`.quantisation`,
:mod:`.offset`). docs/data.md explains each check and the JSON report.
"""

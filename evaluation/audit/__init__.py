"""What is wrong with a data set before a model has seen it. No torch here.

:func:`.report.audit` runs every check: on splits (:mod:`.sharing`, :mod:`.duplicates`), on pictures
(:mod:`.pictures`, :mod:`.similarity`) and on labels (:mod:`.labels`, :mod:`.quantisation`,
:mod:`.offset`). docs/data.md explains each, and the JSON that comes of it.
"""

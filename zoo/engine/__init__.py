"""Training and evaluation of any plugin, all the same way.

:mod:`run` makes a run from a configuration, :mod:`fit` is the loop, :mod:`scoring` predicts a
split, :mod:`recording` writes down what came out.
"""

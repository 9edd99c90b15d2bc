"""Training of any plugin, always the same way.

:mod:`plan` completes a configuration, :mod:`run` makes a run of it, :mod:`fit` is the loop,
:mod:`record` writes down what came out.
"""

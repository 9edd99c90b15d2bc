"""How models are measured and compared. No torch here.

Each package imports only those above it in this list:

- :mod:`.scores`: protocols, metrics, predictions, and the results that come of them.
- :mod:`.records`: run records, what is valid in one, and whether one can be trusted.
- :mod:`.board`: the leaderboard, and comparisons of two models.
- :mod:`.audit`: what is wrong with a data set before a model has seen it.
- :mod:`.page`: the leaderboard as one HTML page.
"""

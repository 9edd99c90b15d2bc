"""How models are measured and compared. No torch here.

Each package imports only those above it in this list:

- :mod:`.scores`: protocols, metrics, predictions, and the results computed from them.
- :mod:`.records`: run records, their schema, and checks of whether a record can be trusted.
- :mod:`.board`: the leaderboard, and comparisons of two models.
- :mod:`.audit`: faults of a data set, found before a model is trained on it.
- :mod:`.page`: the leaderboard as one HTML page.
"""

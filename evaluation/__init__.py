"""Protocols, metrics, run records and the leaderboard. No torch here."""

"""The leaderboard and comparisons: records in, groups of rows out, in every format but HTML."""

"""The leaderboard: everything it shows is recomputed from score tables. Imported as `tia2.leaderboard`."""

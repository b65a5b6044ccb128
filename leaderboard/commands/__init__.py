"""The leaderboard's commands."""

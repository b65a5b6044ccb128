"""Leaderboard entries applied to images as they are sampled, and the judges that watch."""

"""The leaderboard's store, its index, and the boards made of them."""

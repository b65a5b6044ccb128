"""The recipes that trained what the miniature world ships: seeded, resumable, on a CPU or a GPU."""

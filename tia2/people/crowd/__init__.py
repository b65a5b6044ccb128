"""Votes from crowd platforms: tasks out, answers in, and who is paid."""

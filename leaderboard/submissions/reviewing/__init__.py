"""Reviewing: what is decided about submissions, how that is carried out whole or not at all, and what it would change.

reviews.py      pending, accepted, rejected, removed; what a killed process left is finished or undone
acceptance.py   accepting on a full disk, in a killed process, twice at once
preview.py      the board as it would be
"""

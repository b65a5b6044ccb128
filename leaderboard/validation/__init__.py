"""Validation: the top entries of a board, each optimised against with one budget and the same seeds.

choosing.py     which entries, and the settings of their runs
running.py      the runs, one after another, into the store
"""

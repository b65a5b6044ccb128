"""Graded judgements: ratings with their scale."""

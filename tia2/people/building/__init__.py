"""Benchmarks made of a study's votes, with what a rater model would change."""

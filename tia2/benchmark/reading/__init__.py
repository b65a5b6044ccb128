"""Benchmarks in files: which of a folder's files belong together, and their rows whatever the path is called."""

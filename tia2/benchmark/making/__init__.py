"""Benchmarks made of what people have: tables, folders, datasets and rows, by a mapping of columns."""

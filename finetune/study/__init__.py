"""Studies: the same run over many entries, methods and seeds, and what they say together."""

"""Studies of pairs: images of several models from the same prompts and seeds, blind and balanced."""

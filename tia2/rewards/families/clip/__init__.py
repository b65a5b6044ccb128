"""CLIP in transformers' layout, and PickScore."""

"""Models of the open_clip library, and HPSv2."""

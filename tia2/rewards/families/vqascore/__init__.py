"""Vision-language models that answer whether an image shows a text."""

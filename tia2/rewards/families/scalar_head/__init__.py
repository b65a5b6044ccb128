"""Vision-language models with a head of one number, read at a token of the prompt."""

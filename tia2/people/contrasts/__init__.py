"""Contrastive prompts judged by people: which say something else, which describe a failure, and what that changes."""

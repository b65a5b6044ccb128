"""Contrastive prompts written by a language model."""

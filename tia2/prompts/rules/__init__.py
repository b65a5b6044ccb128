"""Contrastive prompts by rule."""

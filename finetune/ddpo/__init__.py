"""Denoising diffusion policy optimisation: sample, score, and make what scored well more likely."""

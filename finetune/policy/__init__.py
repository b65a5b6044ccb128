"""A diffusion model as a policy: its steps with their probabilities, its trajectories, its distance from the base."""

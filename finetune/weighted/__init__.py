"""Fine-tuning on weighted samples: no trajectories, little memory."""

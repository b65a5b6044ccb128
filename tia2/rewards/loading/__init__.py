"""From files to modules: downloads, checkpoints, pixels, devices, batches, fingerprints."""

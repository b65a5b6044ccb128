"""What a run's kept images and scores say: curves, the peak, fits, diversity, image statistics, checkpoint rules."""

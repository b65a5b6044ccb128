"""Images from a finished run's weights: samples of any checkpoint, and the whole run at part of its strength."""

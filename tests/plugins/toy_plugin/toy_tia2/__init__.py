"""A calibration and a metric, one file each."""

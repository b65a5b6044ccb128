"""All that a run is told: one section of settings per topic, read from YAML and checked."""

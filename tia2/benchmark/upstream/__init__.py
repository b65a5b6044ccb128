"""TIA2 as its authors released it: annotations, sources, images."""

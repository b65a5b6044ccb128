"""Best-of-n sampling as an optimiser: what it gains, where it over-optimises, from score tables alone."""

"""Who scores the shards of a table: one process per device of this machine, or workers on a Ray cluster."""

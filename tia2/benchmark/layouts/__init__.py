"""Tables of judgements in the layouts in which public datasets come, recognised by their columns."""

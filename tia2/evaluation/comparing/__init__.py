"""Which entries can be told apart."""

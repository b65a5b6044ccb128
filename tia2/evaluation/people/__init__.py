"""How well people agree with each other."""

"""People of the miniature world: they see an image and a text, as everybody does, and err in ways that are known."""

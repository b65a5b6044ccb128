"""People: ask them about images, keep their votes, and say what these are worth."""

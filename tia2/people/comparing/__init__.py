"""Two or more generators compared by people: votes on pairs, what they say, and how many it takes."""

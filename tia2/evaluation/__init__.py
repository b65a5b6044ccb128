"""How well values agree with people: metrics, intervals and results."""

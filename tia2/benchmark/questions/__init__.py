"""Questions about an image whose answers make a score: their rules, and the files that they come in."""

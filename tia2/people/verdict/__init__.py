"""From a study of pairs to a verdict: figures, sentences, a page."""

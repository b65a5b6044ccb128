"""Published judgements of other benchmarks, with the scores published beside them: downloaded, checked, and read."""

"""All checks of a submission: the same at home, on the server, and again when it is accepted.

archive.py     unpacking: names, sizes and kinds of members
parquet.py     checks of Parquet files, run in a process of its own (isolated.py)
unpacked.py    from unpacked files to score tables
checks.py      items, texts, rewards, calibrations; names.py, lookalikes.py and texts.py: what people wrote
trust.py       the same rewards with the store's items, votes and texts
suspicion.py   what reviewers see of copies and of leaked votes, as ../evidence measures them
validation.py  all of the above in order
runs.py        the same for a fine-tuning run, which is computed again as a whole
report.py      what they report
"""

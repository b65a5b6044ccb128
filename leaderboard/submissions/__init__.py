"""Submissions: one zip each, checked by the same code at home and on the server, queued, and reviewed by a person.

    package.py     what a submission holds, and how to build one
    archive.py     unpacking: names, sizes and kinds of members
    parquet.py     checks of Parquet files, run in a process of its own (isolated.py)
    reading.py     from unpacked files to score tables
    checks.py      items, texts, rewards, calibrations; names.py and texts.py: what people wrote
    trust.py       the same rewards with the store's items, votes and texts
    suspicion.py   copies, and agreement beyond the noise ceiling
    validation.py  all of the above in order
    queue.py       pending, accepted, rejected, and the log of reviews (database.py)
    backup.py, hub.py, web.py

Nothing that was submitted is run, trusted, or shown as anything but text.
"""

"""Submissions: one zip each, checked by the same code at home and on the server, queued, and reviewed by a person.

    package.py     what a submission holds, and how to build one; run_package.py: the same for a fine-tuning run;
                   limits.py: how much it may take
    checking/      archive.py, unpacked.py, parquet.py, checks.py, suspicion.py; validation.py: all of them in order
    queue.py       pending, accepted, rejected; database.py: the records and the log of reviews
    adding.py      what a maintainer puts on the board without a review
    backup.py, hub.py, web.py

Nothing that was submitted is run, trusted, or shown as anything but text.
"""

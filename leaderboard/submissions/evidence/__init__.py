"""What can be measured of rewards that may be copied, or made with the votes; what it means is said in `checking`.

orders.py    rewards as ranks within prompts
copies.py    which entry a submission is most like, and how much of it several entries explain together
leakage.py   what of the votes a submission knows that no image shows
"""

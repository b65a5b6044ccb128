"""The over-optimisation report of a run: how far can this reward be pushed before the trusted judge disagrees?"""

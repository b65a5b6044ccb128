"""BLIP, BLIP-2 and ImageReward."""

"""The page on which people vote, and the dashboard that their study's owner alone sees."""

"""What each tab shows, as data."""

"""What stands between visitors and the app: who may ask for what, and how much they may upload."""

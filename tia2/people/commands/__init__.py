"""The commands of `tia2 people`."""

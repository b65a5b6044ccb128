"""Studies: what is asked, of whom, and every vote that was given."""

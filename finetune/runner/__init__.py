"""A fine-tuning run: its settings, its files, its loop, and how it resumes."""

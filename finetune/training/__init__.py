"""What every method of training needs: prompts and an optimiser."""

"""The reward models that come with tia2, one folder or file per family."""

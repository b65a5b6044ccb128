"""Commands of `tia2 finetune`."""

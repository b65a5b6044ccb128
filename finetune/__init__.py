"""Fine-tuning against a reward model, and when it over-optimises. Imported as `tia2.finetune`."""

"""Fine-tuning runs on the board: kept as files with digests, and computed again from their images and scores.

finetuning.py   what the board takes from `tia2.finetune`
files.py        how a store keeps a run
identity.py     which entry a run was trained on, by the digests of its reward models and its calibration
recheck.py      the report, made again; gold and rewards, scored again where that is possible here
best_of_n.py    what choosing among the benchmark's own images gains, as arrays for the index
"""

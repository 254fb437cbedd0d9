# COMBO, PVTv2-B5 with Maskiges, 224 px; published: mIoU / F-score 59.2 / 71.2 (F: best
# threshold of each clip)
_base_ = [
    '../_base_/iteration_runtime.py',
    '../_base_/datasets/ms3_combo.py',
    '../_base_/models/combo.py',
    '../_base_/schedules/combo_ms3.py',
]

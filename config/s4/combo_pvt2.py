# COMBO, PVTv2-B5 with Maskiges, 224 px; published: mIoU / F-score 84.7 / 91.9 (F: best
# threshold of each clip)
_base_ = [
    '../_base_/iteration_runtime.py',
    '../_base_/datasets/s4_combo.py',
    '../_base_/models/combo.py',
    '../_base_/schedules/combo_s4.py',
]

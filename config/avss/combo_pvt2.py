# COMBO, PVTv2-B5 with Maskiges, 224 px; published: mIoU / F-score 42.1 / 46.1 (F: best
# threshold of each clip)
_base_ = [
    '../_base_/iteration_runtime.py',
    '../_base_/datasets/avss_combo.py',
    '../_base_/models/combo.py',
    '../_base_/schedules/combo_avss.py',
]
model = dict(decode_head=dict(num_classes=_base_.num_classes))

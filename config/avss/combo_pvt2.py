# COMBO, PVTv2-B5 with Maskiges, 224 px; published: mIoU / F-score 42.1 / 46.1. The published frames
# were cut to 224 x 224 once and stored as JPEG again; here they are cut as they are read. Published
# mixed precision clamps the attention's scores to 50000, here those of fp16 are.
_base_ = [
    '../_base_/iteration_runtime.py',
    '../_base_/datasets/avss_combo.py',
    '../_base_/models/combo.py',
    '../_base_/schedules/combo_avss.py',
]
model = dict(decode_head=dict(num_classes=_base_.num_classes))

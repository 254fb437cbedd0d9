# COMBO without Maskiges: one PVTv2-B5, no preparation needed; no result was published.
_base_ = [
    '../_base_/iteration_runtime.py',
    '../_base_/datasets/s4_combo_plain.py',
    '../_base_/models/combo.py',
    '../_base_/schedules/combo_s4.py',
]
model = dict(backbone=dict(_delete_=True, **_base_.pvt_v2_b5))

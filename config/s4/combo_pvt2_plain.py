# COMBO without Maskiges: one PVTv2-B5, nothing to prepare; no result was published.
_base_ = [
    '../_base_/iteration_runtime.py',
    '../_base_/datasets/s4_combo_plain.py',
    '../_base_/models/combo.py',
    '../_base_/schedules/combo_s4.py',
]
model = dict(
    backbone=dict(
        _delete_=True,
        type='TimmBackbone',
        model_name='pvt_v2_b5',
        drop_path_rate=0.1,
        weights='pretrained/pvt_v2_b5.pth',
    ),
)

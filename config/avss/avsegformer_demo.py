# A small AVSegFormer on AVSS-like synthetic clips; no number here is comparable with AVSBench's.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/avss_demo.py',
    '../_base_/models/avsegformer_demo.py',
    '../_base_/schedules/demo.py',
]
model = dict(
    decode_head=dict(
        num_classes=_base_.num_classes,
        loss_mask=dict(_delete_=True, type='CrossEntropyLoss', loss_weight=1.0),
    ),
)
train_cfg = dict(max_epochs=4, val_interval=2)

# AVSegFormer, PVTv2-B5, 224 px; published: mIoU 37.31, F-score 42.8 (whether at 224 or 512 px is
# not known)
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/avss.py',
    '../_base_/models/avsegformer.py',
    '../_base_/schedules/avsegformer_avss.py',
]
model = dict(
    data_preprocessor=dict(num_frames=10),
    backbone=dict(with_cp=True),  # 40 frames per step; the same numbers in a third of the memory
    decode_head=dict(
        pixel_decoder=dict(with_cp=True),
        transformer_decoder=dict(with_cp=True),
        num_classes=_base_.num_classes,
        loss_mask=dict(_delete_=True, type='CrossEntropyLoss', loss_weight=1.0),
    ),
)

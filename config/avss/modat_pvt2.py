# MoDAT, PVTv2-B5, 224 px; published: mIoU 37.16, F-score 42.4 (one random draw of the routing). The
# published training adds its loss to itself and leaves the balance of the experts out:
# --cfg-options model.decode_head.loss_mask.loss_weight=2 model.decode_head.loss_mix.loss_weight=0.2
# model.decode_head.fusion.balance_weight=0
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/avss.py',
    '../_base_/models/modat.py',
    '../_base_/schedules/avsegformer_avss.py',
]
model = dict(
    data_preprocessor=dict(num_frames=10),
    backbone=dict(with_cp=True),
    decode_head=dict(
        pixel_decoder=dict(with_cp=True),
        transformer_decoder=dict(with_cp=True),
        num_classes=_base_.num_classes,
        loss_mask=dict(_delete_=True, type='CrossEntropyLoss', loss_weight=1.0),
    ),
)
train_dataloader = dict(batch_size=2)

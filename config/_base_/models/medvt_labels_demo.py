# The small MED-VT where each pixel has a class: no label propagation, cross entropy.
_base_ = './medvt_video_demo.py'
model = dict(
    decode_head=dict(
        predictor=dict(label_scale=None),
        losses=dict(
            _delete_=True,
            loss_mask=dict(type='FocalCrossEntropyLoss', gamma=2, ignore_index=255),
        ),
    ),
)

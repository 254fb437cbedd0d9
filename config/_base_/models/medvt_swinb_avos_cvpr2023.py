# MED-VT on Video Swin-B as in the CVPR release, forward pass (a); published: DAVIS'16 85.9 (with
# CRF 86.5), YouTube-Objects 79.1, MoCA 78.5
_base_ = './medvt_video.py'
model = dict(
    backbone=dict(
        type='VideoSwin', weights='pretrained/swin_base_patch244_window877_kinetics400_22k.pth'
    ),
    decode_head=dict(
        weights='pretrained/384_coco_r101.pth',
        context_encoder=dict(
            stages=[
                dict(num_layers=6, **_base_.layers),
                dict(num_layers=1, num_heads=1, feedforward_channels=384, norm=False),
            ],
            between_scales=True,
        ),
    ),
)

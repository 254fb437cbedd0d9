# MED-VT on Video Swin-B for actor-action segmentation, forward pass (b); published: A2D 57.3
_base_ = ['./medvt_swinb_avos_cvpr2023.py', './medvt_a2d.py']
layers = dict(num_heads=8, feedforward_channels=1024, dropout=0.1)
model = dict(
    data_preprocessor=_base_.a2d_size,
    decode_head=dict(
        context_encoder=dict(
            stages=[
                dict(num_layers=6, **layers),
                dict(num_layers=1, num_heads=1, feedforward_channels=384, norm=False),
            ],
            between_scales=False,
        ),
        queries=dict(memories='encoded_first'),
        **_base_.a2d_head,
    ),
)

# MED-VT on ResNet-101 for actor-action segmentation; published: A2D 45.7
_base_ = ['./medvt_resnet101_avos.py', './medvt_a2d.py']
model = dict(
    data_preprocessor=_base_.a2d_size,
    # The published network starts from ImageNet alone.
    backbone=dict(weights='pretrained/resnet101-63fe2227.pth'),
    decode_head=dict(
        weights=None,
        same_backbone=False,
        context_encoder=dict(
            stages=[
                dict(num_layers=6, num_heads=8, feedforward_channels=1024, dropout=0.1),
                dict(num_layers=1, num_heads=8, feedforward_channels=512, dropout=0.1),
            ],
        ),
        **_base_.a2d_head,
    ),
)

# MED-VT on ResNet-101; published: DAVIS'16 83.0 (with CRF 83.7), YouTube-Objects 75.2, MoCA 69.5,
# with the labels enlarged 7.2, 8 and 7.3 times
_base_ = ['./medvt_video.py', '../backbones/resnet101_frozen.py']
model = dict(
    backbone=dict(_base_.resnet101_frozen, weights='pretrained/384_coco_r101.pth'),
    decode_head=dict(
        weights='pretrained/384_coco_r101.pth',
        same_backbone=True,
        num_projected=2,
        context_encoder=dict(
            stages=[
                dict(num_layers=6, num_heads=8, feedforward_channels=2048, dropout=0.1),
                dict(num_layers=1, num_heads=8, feedforward_channels=1024, dropout=0.1),
            ],
            between_scales=True,
            between_layer=dict(
                type='DeepValueLayer', num_heads=8, feedforward_channels=1024, dropout=0.1
            ),
        ),
        predictor=dict(label_scale=7.3),
    ),
)

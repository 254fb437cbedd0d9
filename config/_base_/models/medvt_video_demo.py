# MED-VT for videos without sound made small: ResNet-18 from scratch, 48 channels, one layer per
# stage. Learns to find what moves on 64-pixel synthetic videos in minutes on a CPU.
_base_ = './medvt_video.py'
layers = dict(num_heads=4, feedforward_channels=96, dropout=0.0)
model = dict(
    backbone=dict(type='TimmBackbone', model_name='resnet18'),
    decode_head=dict(
        embed_dims=48,
        context_encoder=dict(
            stages=[
                dict(num_layers=1, **layers),
                dict(num_layers=1, num_heads=1, feedforward_channels=48, norm=False),
            ],
            between_scales=True,
        ),
        transformer_decoder=dict(num_layers=3, **layers),
        queries=dict(num_heads=4, memories='finer', start_query=1e-6, attention_softmax='heads'),
        predictor=dict(channels=(48, 32, 32)),
    ),
)

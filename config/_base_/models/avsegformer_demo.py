# AVSegFormer made small: ResNet-18, a light trainable audio network, 64 channels, 16 queries.
# Trains from scratch on 64-pixel synthetic clips in minutes on a CPU.
_base_ = ['./avsegformer.py', '../backbones/small.py']
model = dict(
    data_preprocessor=dict(clip_policy='pack', num_frames=None),
    decode_head=dict(
        embed_dims=64,
        pixel_decoder=dict(
            num_layers=2, num_heads=4, feedforward_channels=128, dropout=0.0, num_groups=8
        ),
        query_generator=dict(num_queries=16, num_layers=2, num_heads=4, feedforward_channels=128),
        transformer_decoder=dict(num_layers=2, num_heads=4, feedforward_channels=128, dropout=0.0),
        fusion=dict(num_heads=4),
        mlp_channels=128,
        predictor_channels=(32, 16),
    ),
    **_base_.small,
)

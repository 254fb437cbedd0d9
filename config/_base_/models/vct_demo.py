# VCT made small, without the Maskige stream and prototypes: ResNet-18, a light trainable audio
# network, 64 channels, 4 queries. Trains from scratch on 64-pixel synthetic clips in minutes on a
# CPU.
_base_ = ['./vct.py', '../backbones/small.py']
model = dict(
    decode_head=dict(
        embed_dims=64,
        num_queries=4,
        image_size=(64, 64),
        pixel_decoder=dict(num_layers=2, num_heads=4, feedforward_channels=128, num_groups=8),
        transformer_decoder=dict(num_layers=4, num_heads=4, feedforward_channels=128),
        audio_mlp_channels=128,
        criterion=dict(num_points=0),  # the whole grid of 64 x 64
    ),
    **_base_.small,
)

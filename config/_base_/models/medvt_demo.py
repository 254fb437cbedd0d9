# MED-VT++ made small: ResNet-18, a light trainable audio network, 48 channels, 16 queries.
# Trains from scratch on 64-pixel synthetic clips in minutes on a CPU.
_base_ = ['./medvt.py', '../backbones/small.py']
layers = dict(num_heads=4, feedforward_channels=192, dropout=0.0)
model = dict(
    data_preprocessor=dict(clip_policy='pack', num_frames=None),
    decode_head=dict(
        embed_dims=48,
        interaction=dict(learn_frame_embed=True),
        context_encoder=dict(
            stages=[
                dict(num_layers=1, num_heads=4, feedforward_channels=192),
                dict(num_layers=1, num_heads=1, feedforward_channels=96, norm=False),
            ],
        ),
        query_generator=dict(num_queries=16, num_layers=1, context_channels=128, **layers),
        transformer_decoder=dict(num_layers=3, num_context_layers=3, **layers),
        predictor=dict(channels=(32, 16), padded_last_conv=False),
        # As in the small TPAVI, where cross entropy predicted no foreground for epochs.
        loss_mask=dict(_delete_=True, type='DiceLoss', loss_weight=1.0),
    ),
    **_base_.small,
)

# MED-VT for videos without sound: what its networks share. Clips of six frames, one query each.
layers = dict(num_heads=8, feedforward_channels=2048, dropout=0.1)
model = dict(
    type='AVSegmentor',
    data_preprocessor=dict(type='AVSDataPreprocessor', clip_policy='pack'),
    audio_encoder=None,
    decode_head=dict(
        type='MEDVTVideoHead',
        num_classes=1,
        embed_dims=384,
        context_encoder=dict(type='SpatioTemporalEncoder'),
        pixel_decoder=dict(type='DeformConvFPN', num_groups=8),
        transformer_decoder=dict(
            type='TransformerDecoder', num_layers=9, act='relu', final_norm=True, **layers
        ),
        queries=dict(
            num_queries=6,
            num_heads=8,
            memories='decoded',
            start_query=0,
            attention_softmax='pixels',
        ),
        predictor=dict(type='PropagatingPredictor', channels=(384, 256, 128), label_scale=8),
        losses=dict(
            loss_mask=dict(type='SigmoidFocalLoss', alpha=0.25, gamma=2),
            loss_dice=dict(type='ClipDiceLoss'),
        ),
        aux_weight=0.5,
    ),
)

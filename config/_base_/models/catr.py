# CATR (arXiv 2309.09709) on PVTv2-B5: facts of the paper and its code, nothing else. The code was
# published without its settings file: what stands in `encoder`, `transformer_decoder` and
# `criterion` is either written in the code, or MTTR's, from which it grew (marked MTTR).
_base_ = './common.py'
model = dict(
    data_preprocessor=dict(
        _delete_=True,
        type='AVSDataPreprocessor',
        clip_policy='pack',
        # Frames of 224 pixels are enlarged after the normalisation; masks are not.
        frame_size=(448, 448),
    ),
    decode_head=dict(
        type='CATRHead',
        embed_dims=256,
        num_queries=50,
        # The code passes the levels from coarse to fine, below the map that it refines; (1, 0) is
        # the sane setting.
        skip_levels=(3, 2),
        encoder=dict(
            type='DecoupledTransformer',
            num_layers=3,
            num_heads=8,  # MTTR
            feedforward_channels=2048,  # MTTR; in the temporal layers perhaps 256
            dropout=0.1,  # MTTR
            second_gate='first',  # as the code does; 'own' as the paper says
            time_code=False,  # as the code does; True tells each frame which audio is its own
        ),
        query_generator=None,  # as the code does; the paper makes queries from the audio
        transformer_decoder=dict(
            type='TransformerDecoder',
            num_layers=3,  # MTTR
            num_heads=8,  # MTTR
            feedforward_channels=2048,  # MTTR
            dropout=0.1,  # MTTR
            act='relu',
            final_norm=True,
        ),
        pixel_decoder=dict(type='SkipDecoder', num_groups=8),
        criterion=dict(
            type='ClipSetCriterion',
            cost_class=2.0,  # MTTR
            cost_dice=7.0,
            class_weight=1.0,
            dice_weight=5.0,  # MTTR
            focal_weight=5.0,
            bce_weight=4.0,
            no_object_weight=0.1,  # MTTR
            double_sigmoid=True,  # as the code does; False is the sane setting
        ),
    ),
)

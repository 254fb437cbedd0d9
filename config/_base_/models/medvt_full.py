# The network of MED-VT++'s figure: attention between the scales, a head that convolves over time,
# and label propagation. The published audio-visual code has none of the three (they are those of
# the unimodal network of the same repository), so no published result belongs to it.
full = dict(
    interaction=dict(learn_frame_embed=True),
    context_encoder=dict(between_scales=True),
    # Labels of a quarter of the finest map's size: 5 x 24 x 24 tokens at 384 pixels.
    predictor=dict(
        _delete_=True, type='PropagatingPredictor', channels=(384, 256, 128), label_scale=4
    ),
)

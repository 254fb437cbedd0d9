# What actor-action segmentation changes in MED-VT: 80 classes 10 actor + action, narrower layers,
# no label propagation. Normalised frames are resized to 320 x 480, whatever their aspect.
a2d_size = dict(frame_size=(320, 480))
a2d_head = dict(
    num_classes=80,
    transformer_decoder=dict(feedforward_channels=1024),
    predictor=dict(label_scale=None),
    losses=dict(
        _delete_=True, loss_mask=dict(type='FocalCrossEntropyLoss', gamma=2, ignore_index=255)
    ),
)

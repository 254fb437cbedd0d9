# Encoders of the small systems: ResNet-18 and a light trainable audio network, both from scratch.
small = dict(
    backbone=dict(_delete_=True, type='TimmBackbone', model_name='resnet18'),
    audio_encoder=dict(
        _delete_=True, type='TimmAudioEncoder', model_name='resnet10t', mean=0.0, std=1.5
    ),
)

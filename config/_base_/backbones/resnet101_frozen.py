# ResNet-101 whose normalisations, stem and first stage are not trained.
resnet101_frozen = dict(
    type='TimmBackbone',
    model_name='resnet101',
    frozen_norm=True,
    frozen_parts=('conv1', 'layer1'),
    weights='pretrained/resnet101-63fe2227.pth',
)

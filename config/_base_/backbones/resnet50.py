# ResNet-50 from ImageNet weights, as every system uses it.
resnet50 = dict(
    type='TimmBackbone', model_name='resnet50', weights='pretrained/resnet50-19c8e357.pth'
)

# MED-VT, ResNet-101, VSPW. Recipe and network are this toolbox's own reading of a task that the
# repository names and has no code for: no published result belongs to it.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/vspw.py',
    '../_base_/models/medvt_resnet101_vspw.py',
    '../_base_/schedules/medvt_vspw.py',
]

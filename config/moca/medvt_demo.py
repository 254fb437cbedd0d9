# The small MED-VT of config/davis/medvt_demo.py on the MoCA-like synthetic videos; no number
# here is comparable with MoCA's.
_base_ = [
    '../_base_/test_runtime.py',
    '../_base_/datasets/moca_demo.py',
    '../_base_/models/medvt_video_demo.py',
]
model = dict(test_cfg=_base_.published_test)

# The small MED-VT of config/davis/medvt_demo.py on the YouTube-Objects-like synthetic videos; no
# number here is comparable with YouTube-Objects's.
_base_ = [
    '../_base_/test_runtime.py',
    '../_base_/datasets/youtube_objects_demo.py',
    '../_base_/models/medvt_video_demo.py',
]
model = dict(test_cfg=_base_.published_test)

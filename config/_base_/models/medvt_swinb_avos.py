# MED-VT on Video Swin-B as the later inference script runs it, forward pass (c); published:
# DAVIS'16 85.9 (with CRF 86.6), YouTube-Objects 79.3, MoCA 78.5
_base_ = './medvt_swinb_avos_cvpr2023.py'
model = dict(
    decode_head=dict(
        queries=dict(memories='finer', start_query=1e-6, attention_softmax='heads'),
    ),
)

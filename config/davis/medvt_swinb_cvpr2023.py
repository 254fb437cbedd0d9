# MED-VT, Video Swin-B, as in the CVPR release (branch `medvt`), forward pass (a); published: mean
# IoU 85.9, with CRF 86.5. The weights fit config/davis/medvt_swinb.py, too, and give other numbers.
_base_ = './medvt_swinb.py'
model = dict(
    decode_head=dict(queries=dict(memories='decoded', start_query=0, attention_softmax='pixels'))
)

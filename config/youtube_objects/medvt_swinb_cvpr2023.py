# As medvt_swinb.py with the forward pass of the CVPR release, see
# config/davis/medvt_swinb_cvpr2023.py; published: mean IoU 79.1.
_base_ = './medvt_swinb.py'
model = dict(
    decode_head=dict(queries=dict(memories='decoded', start_query=0, attention_softmax='pixels'))
)

// Multi-scale deformable attention: what the kernels of all devices share.
//
// Symbols: N frames, S tokens (the levels one after the other), M heads of D channels, Q queries,
// L levels, P points per level.

#pragma once

#include <ATen/core/Tensor.h>

namespace avsbench {

struct Sizes {
  int64_t frames, tokens, heads, dims, queries, levels, points;

  bool empty() const { return frames == 0 || queries == 0; }
};

// Each of these raises one error that names the argument, what it is and what is expected.
//
//   value               (N, S, M, D), float32, float64, bfloat16 or float16
//   spatial_shapes      [h0, w0, h1, w1, ...], positive, S in total
//   sampling_locations  (N, Q, M, L, P, 2), x before y, in [0, 1]; float32 or float64
//   attention_weights   (N, Q, M, L, P), any of the four types
//   reference_points    (1 or N, Q, L, 2), as sampling_locations
//   offsets             (N, Q, M, L, P, 2), in pixels of the level; any of the four types
//   logits              (N, Q, M, L * P), any of the four types
//   grad_output         (N, Q, M * D), value's type
//
// All are on value's device. An int32 can count the elements of one head in one frame, with two
// more pixels at each side of a level and the channels in whole vectors of 16. Strides are the
// kernels' to look after.
Sizes check_inputs(const at::Tensor& value, at::IntArrayRef spatial_shapes,
                   const at::Tensor& sampling_locations, const at::Tensor& attention_weights);

Sizes check_fused_inputs(const at::Tensor& value, at::IntArrayRef spatial_shapes,
                         const at::Tensor& reference_points, const at::Tensor& offsets,
                         const at::Tensor& logits);

void check_grad_output(const at::Tensor& grad_output, const at::Tensor& value,
                       const Sizes& sizes);

// The type that coordinates, weights and sums are computed in.
inline at::ScalarType accumulate_type(const at::Tensor& value) {
  return value.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

}  // namespace avsbench

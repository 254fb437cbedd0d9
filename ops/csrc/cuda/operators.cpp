// The CUDA side of the operators: from tensors to the kernels' description of a call.

#include <limits>
#include <tuple>

#include <ATen/Functions.h>
#include <ATen/core/Tensor.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include "../ms_deform_attn.h"
#include "gpu_launch.h"

namespace avsbench::cuda {
namespace {

using at::IntArrayRef;
using at::Tensor;
using Gradients = std::tuple<Tensor, Tensor, Tensor>;

constexpr int64_t kMaxInt = std::numeric_limits<int>::max();

// Contiguous and on a 16-byte boundary, as the kernels' vector accesses want it.
Tensor aligned(const Tensor& tensor) {
  const Tensor dense = tensor.contiguous();
  return reinterpret_cast<uintptr_t>(dense.const_data_ptr()) % 16 == 0 ? dense : dense.clone();
}

Tensor dense_like(const Tensor& tensor) { return at::empty(tensor.sizes(), tensor.options()); }

const char* bytes_of(const Tensor& tensor) {
  return static_cast<const char*>(tensor.const_data_ptr());
}

char* mutable_bytes_of(Tensor& tensor) { return static_cast<char*>(tensor.mutable_data_ptr()); }

Kind kind_of(const Tensor& value) {
  switch (value.scalar_type()) {
    case at::kHalf:
      return Kind::kHalf;
    case at::kBFloat16:
      return Kind::kBFloat16;
    case at::kDouble:
      return Kind::kDouble;
    default:
      return Kind::kFloat;
  }
}

// The inputs in the types and layouts that the kernels read.
struct Inputs {
  Tensor value, positions, scores, reference;

  Inputs(const Tensor& value_in, const Tensor& positions_in, const Tensor& scores_in,
         const Tensor& reference_in)
      : value(aligned(value_in)), positions(readable(positions_in)), scores(readable(scores_in)) {
    if (reference_in.defined()) reference = aligned(reference_in.to(wide_type()));
  }

  at::ScalarType wide_type() const { return accumulate_type(value); }
  bool is_wide(const Tensor& tensor) const { return tensor.scalar_type() == wide_type(); }

 private:
  Tensor readable(const Tensor& tensor) const {
    const bool known = is_wide(tensor) || tensor.scalar_type() == value.scalar_type();
    return aligned(known ? tensor : tensor.to(wide_type()));
  }
};

// The kernels count what a frame holds in ints.
void check_limits(const Tensor& value, const Sizes& sizes) {
  TORCH_CHECK_VALUE(sizes.levels <= kMaxLevels && sizes.levels * sizes.points <= kMaxSamples,
                    "ms_deform_attn: ", sizes.levels, " levels of ", sizes.points,
                    " points, expected at most ", kMaxLevels, " levels and ", kMaxSamples,
                    " points on all of them, the limits of the CUDA kernels");
  TORCH_CHECK_VALUE(sizes.tokens <= kMaxTokens && sizes.frames <= kMaxInt / sizes.heads,
                    "ms_deform_attn: ", sizes.frames, " frames of ", sizes.heads, " heads and ",
                    sizes.tokens, " tokens, expected at most ", kMaxInt, " frames times heads and ",
                    kMaxTokens, " tokens, the limits of the CUDA kernels");
  const int64_t wide = accumulate_type(value) == at::kDouble ? 8 : 4;
  const int64_t channels = sizes.heads * sizes.dims * value.element_size();
  const int64_t samples = 2 * sizes.heads * sizes.levels * sizes.points * wide;
  const int64_t tensors[][2] = {{sizes.tokens, channels}, {sizes.queries, channels},
                                {sizes.queries, samples}};
  for (const auto& [rows, bytes] : tensors) {
    TORCH_CHECK_VALUE(bytes <= kMaxInt / rows, "ms_deform_attn: a frame of a tensor has ", rows,
                      " rows of ", bytes, " bytes, expected at most ", kMaxInt,
                      " bytes in all, the limit of the CUDA kernels");
  }
}

void describe(const Inputs& inputs, const Sizes& sizes, IntArrayRef shapes, Problem* problem) {
  problem->value = bytes_of(inputs.value);
  problem->positions = bytes_of(inputs.positions);
  problem->scores = bytes_of(inputs.scores);
  problem->reference = inputs.reference.defined() ? bytes_of(inputs.reference) : nullptr;
  problem->wide_positions = inputs.is_wide(inputs.positions);
  problem->wide_scores = inputs.is_wide(inputs.scores);
  problem->shared_reference = inputs.reference.defined() && inputs.reference.size(0) == 1;
  problem->kind = kind_of(inputs.value);
  problem->frames = static_cast<int>(sizes.frames);
  problem->tokens = static_cast<int>(sizes.tokens);
  problem->heads = static_cast<int>(sizes.heads);
  problem->dims = static_cast<int>(sizes.dims);
  problem->queries = static_cast<int>(sizes.queries);
  problem->levels = static_cast<int>(sizes.levels);
  problem->points = static_cast<int>(sizes.points);
  set_levels(shapes, problem);
}

Tensor attend(const Tensor& value, IntArrayRef shapes, const Tensor& positions, const Tensor& scores,
              const Tensor& reference, const Sizes& sizes) {
  const c10::cuda::CUDAGuard guard(value.device());
  if (!sizes.empty()) check_limits(value, sizes);  // before the output, which may be huge
  Tensor output =
      at::empty({sizes.frames, sizes.queries, sizes.heads * sizes.dims}, value.options());
  if (sizes.empty()) return output;
  const Inputs inputs(value, positions, scores, reference);
  ForwardProblem problem{};
  describe(inputs, sizes, shapes, &problem);
  problem.output = mutable_bytes_of(output);
  run_forward(problem, c10::cuda::getCurrentCUDAStream());
  return output;
}

// What one kernel leaves for the next: 28 bytes a sample (44 with float64), 4 a cell.
struct Workspace {
  Tensor corner_weights, numbers;

  Workspace(const Inputs& inputs, const Sizes& sizes, BackwardProblem* problem) {
    const int64_t pairs = sizes.frames * sizes.heads;
    const int64_t samples = pairs * sizes.levels * sizes.queries * sizes.points;
    const at::TensorOptions options = inputs.value.options();
    corner_weights = at::empty({samples, 4}, options.dtype(inputs.wide_type()));
    numbers = at::empty({3 * samples + pairs * problem->cells_of_head}, options.dtype(at::kInt));
    problem->corner_weights = mutable_bytes_of(corner_weights);
    int* begin = numbers.mutable_data_ptr<int>();
    problem->entries = reinterpret_cast<Entry*>(begin);
    problem->cells = begin + 2 * samples;
    problem->starts = problem->cells + samples;
  }
};

// Without atomics: the same bits in every run, so there is nothing left to do under
// torch.use_deterministic_algorithms(True).
Gradients attend_backward(const Tensor& grad_output, const Tensor& value, IntArrayRef shapes,
                          const Tensor& positions, const Tensor& scores, const Tensor& reference,
                          const Sizes& sizes) {
  const c10::cuda::CUDAGuard guard(value.device());
  if (sizes.empty()) {
    return {at::zeros(value.sizes(), value.options()), dense_like(positions), dense_like(scores)};
  }
  check_limits(value, sizes);
  const Inputs inputs(value, positions, scores, reference);
  const Tensor grad = aligned(grad_output);
  Tensor grad_value = dense_like(inputs.value), grad_positions = dense_like(inputs.positions),
         grad_scores = dense_like(inputs.scores);
  BackwardProblem problem{};
  describe(inputs, sizes, shapes, &problem);
  problem.grad_output = bytes_of(grad);
  problem.grad_value = mutable_bytes_of(grad_value);
  problem.grad_positions = mutable_bytes_of(grad_positions);
  problem.grad_scores = mutable_bytes_of(grad_scores);
  const Workspace workspace(inputs, sizes, &problem);
  run_backward(problem, c10::cuda::getCurrentCUDAStream());
  return {grad_value, grad_positions.to(positions.scalar_type()),
          grad_scores.to(scores.scalar_type())};
}

Tensor forward(const Tensor& value, IntArrayRef spatial_shapes, const Tensor& sampling_locations,
               const Tensor& attention_weights) {
  const Sizes sizes = check_inputs(value, spatial_shapes, sampling_locations, attention_weights);
  return attend(value, spatial_shapes, sampling_locations, attention_weights, Tensor(), sizes);
}

Gradients backward(const Tensor& grad_output, const Tensor& value, IntArrayRef spatial_shapes,
                   const Tensor& sampling_locations, const Tensor& attention_weights) {
  const Sizes sizes = check_inputs(value, spatial_shapes, sampling_locations, attention_weights);
  check_grad_output(grad_output, value, sizes);
  return attend_backward(grad_output, value, spatial_shapes, sampling_locations,
                         attention_weights, Tensor(), sizes);
}

Tensor forward_fused(const Tensor& value, IntArrayRef spatial_shapes,
                     const Tensor& reference_points, const Tensor& offsets,
                     const Tensor& logits) {
  const Sizes sizes = check_fused_inputs(value, spatial_shapes, reference_points, offsets, logits);
  return attend(value, spatial_shapes, offsets, logits, reference_points, sizes);
}

Gradients backward_fused(const Tensor& grad_output, const Tensor& value,
                         IntArrayRef spatial_shapes, const Tensor& reference_points,
                         const Tensor& offsets, const Tensor& logits) {
  const Sizes sizes = check_fused_inputs(value, spatial_shapes, reference_points, offsets, logits);
  check_grad_output(grad_output, value, sizes);
  return attend_backward(grad_output, value, spatial_shapes, offsets, logits, reference_points,
                         sizes);
}

}  // namespace
}  // namespace avsbench::cuda

TORCH_LIBRARY_IMPL(avsbench, CUDA, m) {
  m.impl("ms_deform_attn", &avsbench::cuda::forward);
  m.impl("ms_deform_attn_backward", &avsbench::cuda::backward);
  m.impl("ms_deform_attn_fused", &avsbench::cuda::forward_fused);
  m.impl("ms_deform_attn_fused_backward", &avsbench::cuda::backward_fused);
}

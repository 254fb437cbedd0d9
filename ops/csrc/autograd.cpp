// Derivatives of the operators, and their rule under autocast.

#include <tuple>
#include <vector>

#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace avsbench {
namespace {

using at::IntArrayRef;
using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;
using Gradients = std::tuple<Tensor, Tensor, Tensor>;

template <class Signature>
c10::TypedOperatorHandle<Signature> find(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

// The operators themselves, by way of the dispatcher.

Tensor forward(const Tensor& value, IntArrayRef shapes, const Tensor& locations,
               const Tensor& weights) {
  static const auto op = find<decltype(forward)>("avsbench::ms_deform_attn");
  return op.call(value, shapes, locations, weights);
}

Gradients backward(const Tensor& grad_output, const Tensor& value, IntArrayRef shapes,
                   const Tensor& locations, const Tensor& weights) {
  static const auto op = find<decltype(backward)>("avsbench::ms_deform_attn_backward");
  return op.call(grad_output, value, shapes, locations, weights);
}

Tensor forward_fused(const Tensor& value, IntArrayRef shapes, const Tensor& reference_points,
                     const Tensor& offsets, const Tensor& logits) {
  static const auto op = find<decltype(forward_fused)>("avsbench::ms_deform_attn_fused");
  return op.call(value, shapes, reference_points, offsets, logits);
}

Gradients backward_fused(const Tensor& grad_output, const Tensor& value, IntArrayRef shapes,
                         const Tensor& reference_points, const Tensor& offsets,
                         const Tensor& logits) {
  static const auto op = find<decltype(backward_fused)>("avsbench::ms_deform_attn_fused_backward");
  return op.call(grad_output, value, shapes, reference_points, offsets, logits);
}

bool is_differentiated(std::initializer_list<const Tensor*> tensors) {
  if (!at::GradMode::is_enabled()) return false;
  for (const Tensor* tensor : tensors) {
    if (tensor->requires_grad()) return true;
  }
  return false;
}

// location = reference point + offset / (width, height).
Tensor reference_gradient(const Tensor& grad_offsets, const Tensor& reference_points,
                          IntArrayRef shapes) {
  const at::ScalarType type = reference_points.scalar_type();
  Tensor grad = at::sum(grad_offsets, IntArrayRef{2, 4}, false, type);  // (N, Q, L, 2)
  if (reference_points.sym_size(0) == 1) grad = at::sum(grad, IntArrayRef{0}, true);
  std::vector<Tensor> levels;
  for (size_t level = 0; 2 * level < shapes.size(); ++level) {
    const Tensor both = at::select(grad, 2, static_cast<int64_t>(level));
    levels.push_back(at::stack({at::select(both, -1, 0) * shapes[2 * level + 1],
                                at::select(both, -1, 1) * shapes[2 * level]},
                               -1));
  }
  return at::stack(levels, 2);
}

[[noreturn]] variable_list no_second_derivative() {
  TORCH_CHECK_NOT_IMPLEMENTED(false, "ms_deform_attn: there are no second derivatives");
}

class Attention : public torch::autograd::Function<Attention> {
 public:
  static constexpr bool is_traceable = true;

  static Variable forward(AutogradContext* ctx, const Tensor& value, IntArrayRef shapes,
                          const Tensor& locations, const Tensor& weights) {
    at::AutoDispatchBelowADInplaceOrView guard;
    ctx->save_for_backward({value, locations, weights});
    ctx->saved_data["shapes"] = shapes;
    return avsbench::forward(value, shapes, locations, weights);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const variable_list saved = ctx->get_saved_variables();
    const auto shapes = ctx->saved_data["shapes"].toIntVector();
    const auto [value, locations, weights] =
        avsbench::backward(grads[0], saved[0], shapes, saved[1], saved[2]);
    return {value, Variable(), locations, weights};
  }
};

class FusedAttention : public torch::autograd::Function<FusedAttention> {
 public:
  static constexpr bool is_traceable = true;

  static Variable forward(AutogradContext* ctx, const Tensor& value, IntArrayRef shapes,
                          const Tensor& reference_points, const Tensor& offsets,
                          const Tensor& logits) {
    at::AutoDispatchBelowADInplaceOrView guard;
    ctx->save_for_backward({value, reference_points, offsets, logits});
    ctx->saved_data["shapes"] = shapes;
    return forward_fused(value, shapes, reference_points, offsets, logits);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const variable_list saved = ctx->get_saved_variables();
    const auto shapes = ctx->saved_data["shapes"].toIntVector();
    const auto [value, offsets, logits] =
        backward_fused(grads[0], saved[0], shapes, saved[1], saved[2], saved[3]);
    Tensor reference;  // edges count tensors alone: it is the second
    if (ctx->needs_input_grad(1)) reference = reference_gradient(offsets, saved[1], shapes);
    return {value, Variable(), reference, offsets, logits};
  }
};

class AttentionBackward : public torch::autograd::Function<AttentionBackward> {
 public:
  static constexpr bool is_traceable = true;

  static variable_list forward(AutogradContext*, const Tensor& grad_output, const Tensor& value,
                               IntArrayRef shapes, const Tensor& locations,
                               const Tensor& weights) {
    at::AutoDispatchBelowADInplaceOrView guard;
    auto [a, b, c] = avsbench::backward(grad_output, value, shapes, locations, weights);
    return {a, b, c};
  }

  static variable_list backward(AutogradContext*, const variable_list&) { no_second_derivative(); }
};

class FusedAttentionBackward : public torch::autograd::Function<FusedAttentionBackward> {
 public:
  static constexpr bool is_traceable = true;

  static variable_list forward(AutogradContext*, const Tensor& grad_output, const Tensor& value,
                               IntArrayRef shapes, const Tensor& reference_points,
                               const Tensor& offsets, const Tensor& logits) {
    at::AutoDispatchBelowADInplaceOrView guard;
    auto [a, b, c] = backward_fused(grad_output, value, shapes, reference_points, offsets, logits);
    return {a, b, c};
  }

  static variable_list backward(AutogradContext*, const variable_list&) { no_second_derivative(); }
};

Tensor autograd(const Tensor& value, IntArrayRef shapes, const Tensor& locations,
                const Tensor& weights) {
  if (is_differentiated({&value, &locations, &weights})) {
    return Attention::apply(value, shapes, locations, weights);
  }
  at::AutoDispatchBelowADInplaceOrView guard;
  return forward(value, shapes, locations, weights);
}

Tensor autograd_fused(const Tensor& value, IntArrayRef shapes, const Tensor& reference_points,
                      const Tensor& offsets, const Tensor& logits) {
  if (is_differentiated({&value, &reference_points, &offsets, &logits})) {
    return FusedAttention::apply(value, shapes, reference_points, offsets, logits);
  }
  at::AutoDispatchBelowADInplaceOrView guard;
  return forward_fused(value, shapes, reference_points, offsets, logits);
}

Gradients autograd_backward(const Tensor& grad_output, const Tensor& value, IntArrayRef shapes,
                            const Tensor& locations, const Tensor& weights) {
  if (is_differentiated({&grad_output, &value, &locations, &weights})) {
    auto grads = AttentionBackward::apply(grad_output, value, shapes, locations, weights);
    return {grads[0], grads[1], grads[2]};
  }
  at::AutoDispatchBelowADInplaceOrView guard;
  return backward(grad_output, value, shapes, locations, weights);
}

Gradients autograd_backward_fused(const Tensor& grad_output, const Tensor& value,
                                  IntArrayRef shapes, const Tensor& reference_points,
                                  const Tensor& offsets, const Tensor& logits) {
  if (is_differentiated({&grad_output, &value, &reference_points, &offsets, &logits})) {
    auto grads = FusedAttentionBackward::apply(grad_output, value, shapes, reference_points,
                                               offsets, logits);
    return {grads[0], grads[1], grads[2]};
  }
  at::AutoDispatchBelowADInplaceOrView guard;
  return backward_fused(grad_output, value, shapes, reference_points, offsets, logits);
}

// Under autocast the values go along with the linear layers, in 16 bits. Locations stay what they
// are, and the kernels take 16-bit weights, offsets and logits as they come.
template <c10::DispatchKey kKey, c10::DeviceType kDevice>
Tensor autocast(const Tensor& value, IntArrayRef shapes, const Tensor& locations,
                const Tensor& weights) {
  c10::impl::ExcludeDispatchKeyGuard guard(kKey);
  const at::ScalarType type = at::autocast::get_autocast_dtype(kDevice);
  return forward(at::autocast::cached_cast(type, value, kDevice), shapes, locations, weights);
}

template <c10::DispatchKey kKey, c10::DeviceType kDevice>
Tensor autocast_fused(const Tensor& value, IntArrayRef shapes, const Tensor& reference_points,
                      const Tensor& offsets, const Tensor& logits) {
  c10::impl::ExcludeDispatchKeyGuard guard(kKey);
  const at::ScalarType type = at::autocast::get_autocast_dtype(kDevice);
  return forward_fused(at::autocast::cached_cast(type, value, kDevice), shapes, reference_points,
                       offsets, logits);
}

}  // namespace
}  // namespace avsbench

TORCH_LIBRARY_IMPL(avsbench, Autograd, m) {
  m.impl("ms_deform_attn", &avsbench::autograd);
  m.impl("ms_deform_attn_backward", &avsbench::autograd_backward);
  m.impl("ms_deform_attn_fused", &avsbench::autograd_fused);
  m.impl("ms_deform_attn_fused_backward", &avsbench::autograd_backward_fused);
}

TORCH_LIBRARY_IMPL(avsbench, AutocastCPU, m) {
  using c10::DispatchKey;
  m.impl("ms_deform_attn", &avsbench::autocast<DispatchKey::AutocastCPU, c10::kCPU>);
  m.impl("ms_deform_attn_fused", &avsbench::autocast_fused<DispatchKey::AutocastCPU, c10::kCPU>);
}

TORCH_LIBRARY_IMPL(avsbench, AutocastCUDA, m) {
  using c10::DispatchKey;
  m.impl("ms_deform_attn", &avsbench::autocast<DispatchKey::AutocastCUDA, c10::kCUDA>);
  m.impl("ms_deform_attn_fused", &avsbench::autocast_fused<DispatchKey::AutocastCUDA, c10::kCUDA>);
}

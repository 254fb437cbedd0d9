// The operators on the CPU: from tensors to the kernels of the best instruction set there is.

#include "../ms_deform_attn.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <tuple>
#include <vector>

#include <ATen/EmptyTensor.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include "kernels.h"

namespace avsbench::cpu {
namespace {

using at::IntArrayRef;
using at::Tensor;
using Gradients = std::tuple<Tensor, Tensor, Tensor>;

// --- instruction sets

// Those that this processor has, the best one first.
const std::vector<const Kernels*>& available() {
  static const std::vector<const Kernels*> kernels = [] {
    std::vector<const Kernels*> found;
#ifdef AVSBENCH_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("f16c")) {
      if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        found.push_back(&avx512_kernels);
      }
      found.push_back(&avx2_kernels);
    }
#endif
    found.push_back(&portable_kernels);
    return found;
  }();
  return kernels;
}

// The best one that is not better than `limit`, of which "" is the best of all.
const Kernels* choose(const std::string& limit, const char* what) {
  static const std::vector<std::string> names = {"avx512", "avx2", "portable"};
  size_t rank = 0;
  while (!limit.empty() && rank < names.size() && names[rank] != limit) ++rank;
  TORCH_CHECK_VALUE(rank < names.size(), what, " is '", limit,
                    "', expected avx512, avx2 or portable");
  for (const Kernels* kernels : available()) {
    for (size_t i = rank; i < names.size(); ++i) {
      if (names[i] == kernels->name) return kernels;
    }
  }
  return &portable_kernels;
}

std::atomic<const Kernels*> chosen{nullptr};

const Kernels& kernels() {
  const Kernels* known = chosen.load(std::memory_order_acquire);
  if (known == nullptr) {
    const char* limit = std::getenv("AVSBENCH_OPS_ISA");
    known = choose(limit == nullptr ? "" : limit, "AVSBENCH_OPS_ISA");
    chosen.store(known, std::memory_order_release);
  }
  return *known;
}

std::string cpu_capability() { return kernels().name; }

void set_cpu_capability(std::string limit) { chosen = choose(limit, "cpu capability"); }

// --- memory of one thread

struct Free {
  void operator()(char* memory) const { ::operator delete[](memory, std::align_val_t{64}); }
};
using Memory = std::unique_ptr<char[], Free>;

// Memory for the time of a call. A few megabytes stay with the thread: new pages cost more time
// than what they are needed for.
class Scratch {
 public:
  explicit Scratch(size_t bytes) {
    static thread_local Memory kept;
    static thread_local size_t kept_bytes = 0;
    if (bytes > kept_bytes) {
      if (bytes > kKeep) {
        own_ = allocate(bytes);
      } else {
        kept.reset();
        kept_bytes = 0;
        kept = allocate(bytes);
        kept_bytes = bytes;
      }
    }
    data_ = own_ ? own_.get() : kept.get();
  }
  void* data() const { return data_; }

 private:
#ifdef __SANITIZE_ADDRESS__
  static constexpr size_t kKeep = 0;  // memory of just the length needed
#else
  static constexpr size_t kKeep = 8 << 20;
#endif

  static Memory allocate(size_t bytes) {
    return Memory(static_cast<char*>(::operator new[](bytes, std::align_val_t{64})));
  }

  Memory own_;
  char* data_;
};

// --- calls

Type type_of(const Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kDouble:
      return Type::kDouble;
    case at::kBFloat16:
      return Type::kBFloat16;
    case at::kHalf:
      return Type::kHalf;
    default:
      return Type::kFloat;
  }
}

// Contiguous, and of a type that the kernels take beside such values; `full`: no 16 bits.
Tensor readable(const Tensor& tensor, const Tensor& value, bool full) {
  const at::ScalarType accumulate = accumulate_type(value), type = tensor.scalar_type();
  const bool fits = type == accumulate || (!full && accumulate == at::kFloat &&
                                           (type == at::kBFloat16 || type == at::kHalf));
  return fits ? tensor.contiguous() : tensor.to(accumulate).contiguous();
}

Tensor empty(IntArrayRef sizes, at::ScalarType type) {
  return Tensor(at::detail::empty_cpu(sizes, type));
}

// A call's contiguous tensors and what the kernels are told of them.
struct Call {
  Tensor value, positions, scores, reference, grad_output;
  std::vector<Level> levels;
  Problem problem{};

  Call(const Sizes& sizes, IntArrayRef shapes, const Tensor& value, const Tensor& positions,
       const Tensor& scores, const Tensor* reference, const Tensor* grad_output)
      : value(value.contiguous()),
        positions(readable(positions, value, reference == nullptr)),
        scores(readable(scores, value, false)) {
    for (int64_t level = 0; level < sizes.levels; ++level) {
      levels.push_back(
          {static_cast<int>(shapes[2 * level]), static_cast<int>(shapes[2 * level + 1])});
    }
    problem.frames = sizes.frames;
    problem.tokens = sizes.tokens;
    problem.heads = sizes.heads;
    problem.dims = sizes.dims;
    problem.queries = sizes.queries;
    problem.levels = sizes.levels;
    problem.points = sizes.points;
    problem.level = levels.data();
    problem.value = this->value.const_data_ptr();
    problem.positions = this->positions.const_data_ptr();
    problem.scores = this->scores.const_data_ptr();
    problem.type = type_of(this->value);
    problem.positions_type = type_of(this->positions);
    problem.scores_type = type_of(this->scores);
    problem.parts = 1;
    if (reference != nullptr) {
      this->reference = readable(*reference, value, true);
      problem.reference = this->reference.const_data_ptr();
      problem.shared_reference = this->reference.size(0) == 1;
    }
    if (grad_output != nullptr) {
      this->grad_output = grad_output->contiguous();
      problem.grad_output = this->grad_output.const_data_ptr();
    }
  }
};

Tensor run_forward(const Sizes& sizes, Call call) {
  Tensor output =
      empty({sizes.frames, sizes.queries, sizes.heads * sizes.dims}, call.value.scalar_type());
  if (sizes.empty()) return output;
  Problem& problem = call.problem;
  problem.output = output.data_ptr();
  // Every part packs its head again, so there are no more than all threads need.
  const int64_t pairs = sizes.frames * sizes.heads;
  const int64_t wanted = (4 * at::get_num_threads() + pairs - 1) / pairs;
  problem.parts = std::clamp<int64_t>(sizes.queries / 128, 1, wanted);
  const Kernels& run = kernels();
  const size_t bytes = run.scratch_bytes(problem, false);
  at::parallel_for(0, pairs * problem.parts, 1, [&](int64_t begin, int64_t end) {
    const Scratch scratch(bytes);
    run.forward(problem, begin, end, scratch.data());
  });
  return output;
}

Gradients run_backward(const Sizes& sizes, Call call) {
  Tensor grad_value = empty(call.value.sizes(), call.value.scalar_type());
  Tensor grad_positions = empty(call.positions.sizes(), call.positions.scalar_type());
  Tensor grad_scores = empty(call.scores.sizes(), call.scores.scalar_type());
  if (sizes.empty()) {
    return {grad_value.zero_(), grad_positions, grad_scores};  // the latter have no elements
  }
  Problem& problem = call.problem;
  problem.grad_value = grad_value.data_ptr();
  problem.grad_positions = grad_positions.data_ptr();
  problem.grad_scores = grad_scores.data_ptr();
  const Kernels& run = kernels();
  const size_t bytes = run.scratch_bytes(problem, true);
  at::parallel_for(0, sizes.frames * sizes.heads, 1, [&](int64_t begin, int64_t end) {
    const Scratch scratch(bytes);
    run.backward(problem, begin, end, scratch.data());
  });
  return {grad_value, grad_positions, grad_scores};
}

// Gradients in the types of the inputs, which the kernels may have taken in another one.
Gradients as_inputs(Gradients gradients, const Tensor& positions, const Tensor& scores) {
  return {std::get<0>(gradients), std::get<1>(gradients).to(positions.scalar_type()),
          std::get<2>(gradients).to(scores.scalar_type())};
}

Tensor forward(const Tensor& value, IntArrayRef shapes, const Tensor& locations,
               const Tensor& weights) {
  const Sizes sizes = check_inputs(value, shapes, locations, weights);
  return run_forward(sizes, {sizes, shapes, value, locations, weights, nullptr, nullptr});
}

Tensor forward_fused(const Tensor& value, IntArrayRef shapes, const Tensor& reference_points,
                     const Tensor& offsets, const Tensor& logits) {
  const Sizes sizes = check_fused_inputs(value, shapes, reference_points, offsets, logits);
  return run_forward(sizes, {sizes, shapes, value, offsets, logits, &reference_points, nullptr});
}

Gradients backward(const Tensor& grad_output, const Tensor& value, IntArrayRef shapes,
                   const Tensor& locations, const Tensor& weights) {
  const Sizes sizes = check_inputs(value, shapes, locations, weights);
  check_grad_output(grad_output, value, sizes);
  return as_inputs(
      run_backward(sizes, {sizes, shapes, value, locations, weights, nullptr, &grad_output}),
      locations, weights);
}

Gradients backward_fused(const Tensor& grad_output, const Tensor& value, IntArrayRef shapes,
                         const Tensor& reference_points, const Tensor& offsets,
                         const Tensor& logits) {
  const Sizes sizes = check_fused_inputs(value, shapes, reference_points, offsets, logits);
  check_grad_output(grad_output, value, sizes);
  return as_inputs(
      run_backward(sizes, {sizes, shapes, value, offsets, logits, &reference_points, &grad_output}),
      offsets, logits);
}

}  // namespace
}  // namespace avsbench::cpu

TORCH_LIBRARY_FRAGMENT(avsbench, m) {
  m.def("cpu_capability() -> str", &avsbench::cpu::cpu_capability);
  m.def("set_cpu_capability(str limit) -> ()", &avsbench::cpu::set_cpu_capability);
}

TORCH_LIBRARY_IMPL(avsbench, CPU, m) {
  m.impl("ms_deform_attn", &avsbench::cpu::forward);
  m.impl("ms_deform_attn_backward", &avsbench::cpu::backward);
  m.impl("ms_deform_attn_fused", &avsbench::cpu::forward_fused);
  m.impl("ms_deform_attn_fused_backward", &avsbench::cpu::backward_fused);
}

// The table of kernels for one instruction set: V<A>::type are its vectors of A.
//
// A fragment: included inside the namespace of one instruction set, after backward.inl.h and the aliases Single and Twice.

#define AVSBENCH_DISPATCH(function, ...)                                                     \
  do {                                                                                       \
    const bool fused = problem.reference != nullptr;                                         \
    switch (problem.type) {                                                                  \
      case Type::kFloat:                                                                     \
        return fused ? function<Single, float, true>(__VA_ARGS__)                            \
                     : function<Single, float, false>(__VA_ARGS__);                          \
      case Type::kBFloat16:                                                                  \
        return fused ? function<Single, BFloat16, true>(__VA_ARGS__)                         \
                     : function<Single, BFloat16, false>(__VA_ARGS__);                       \
      case Type::kHalf:                                                                      \
        return fused ? function<Single, Half, true>(__VA_ARGS__)                             \
                     : function<Single, Half, false>(__VA_ARGS__);                           \
      case Type::kDouble:                                                                    \
        return fused ? function<Twice, double, true>(__VA_ARGS__)                            \
                     : function<Twice, double, false>(__VA_ARGS__);                          \
    }                                                                                        \
  } while (false)

template <class V, class T, bool>
size_t scratch_of(const Problem& problem, bool backward) {
  return static_cast<size_t>(backward ? BackwardScratch<V, T>(problem, nullptr).forward.arena.used()
                                      : ForwardScratch<V, T>(problem, nullptr).arena.used());
}

size_t scratch_bytes(const Problem& problem, bool backward) {
  AVSBENCH_DISPATCH(scratch_of, problem, backward);
  return 0;
}

void forward(const Problem& problem, int64_t begin, int64_t end, void* scratch) {
  AVSBENCH_DISPATCH(forward_tasks, problem, begin, end, scratch);
}

void backward(const Problem& problem, int64_t begin, int64_t end, void* scratch) {
  AVSBENCH_DISPATCH(backward_tasks, problem, begin, end, scratch);
}

// How many blocks of which kernel a call takes. `Launch` is called with (kernel, blocks, threads,
// bytes of shared memory, the kernel's arguments...): the GPU's launch, or the emulator's.

#pragma once

#include <cstddef>

#include "forward.h"
#include "gather.h"
#include "query.h"
#include "sort.h"

namespace avsbench::cuda {

constexpr int64_t kSharedBytes = 48 * 1024;   // what every device grants without being asked
constexpr int64_t kSortBytes = 40 * 1024;     // counters of sort_kernel
constexpr int64_t kMaxBlocks = std::numeric_limits<int>::max();

// Blocks of neighbouring queries, or tokens: `tiles` for each frame and head.
struct Tiling {
  int threads;
  Divisor tiles;
  int64_t blocks, shared;
};

// G lanes for each of `rows`, with `bytes` of shared memory for each of their samples.
template <int G>
Tiling tiling_of(const Problem& problem, int rows, int64_t bytes) {
  bytes *= static_cast<int64_t>(problem.levels) * problem.points;
  Tiling tiling{kMaxThreads, {}, 0, 0};
  const auto shared = [&] { return bytes * shared_stride<G>(tiling.threads / G); };
  while (tiling.threads > kWarp && shared() > kSharedBytes) tiling.threads /= 2;
  const int groups = tiling.threads / G;
  tiling.tiles = divisor_of((rows + groups - 1) / groups);
  tiling.blocks = static_cast<int64_t>(tiling.tiles.divisor) * problem.frames * problem.heads;
  tiling.shared = shared();
  return tiling;
}

// Lanes for a query's head: what its channels need, 4, 8 or 16. float64 takes 8 at least, since
// four lanes' samples would not fit into the shared memory.
template <class T, int V, class Call>
void with_lanes(const Problem& problem, Call call) {
  const int packs = (problem.dims + V - 1) / V;
  if constexpr (sizeof(T) < sizeof(double)) {
    if (packs <= 4) return call.template operator()<T, V, 4>();
  }
  if (packs <= 8) return call.template operator()<T, V, 8>();
  call.template operator()<T, V, 16>();
}

template <class T, class Call>
void with_pack(const Problem& problem, Call call) {
  constexpr int kPack = 16 / sizeof(T);
  if (problem.dims % kPack == 0) {
    with_lanes<T, kPack>(problem, call);
  } else {
    with_lanes<T, 1>(problem, call);
  }
}

template <class Call>
void with_type(const Problem& problem, Call call) {
  switch (problem.kind) {
    case Kind::kFloat: return with_pack<float>(problem, call);
    case Kind::kHalf: return with_pack<c10::Half>(problem, call);
    case Kind::kBFloat16: return with_pack<c10::BFloat16>(problem, call);
    case Kind::kDouble: return with_pack<double>(problem, call);
  }
}

// The levels and points of the published networks are compiled in.
template <int V>
using Common = std::conditional_t<(V > 1), Grid<3, 4>, Grid<0, 0>>;

inline bool is_common(const Problem& problem) { return problem.levels == 3 && problem.points == 4; }

template <class Launch>
struct ForwardCall {
  const ForwardProblem& problem;
  Launch& launch;

  template <class T, int V, int G>
  void operator()() const {
    const Tiling tiling =
        tiling_of<G>(problem, problem.queries, sizeof(Quad<Accumulator<T>>) + sizeof(Quad<unsigned>));
    const auto kernel = is_common(problem) ? forward_kernel<T, V, G, Common<V>>
                                           : forward_kernel<T, V, G, Grid<0, 0>>;
    launch(kernel, tiling.blocks, tiling.threads, tiling.shared, problem, tiling.tiles);
  }
};

template <class Launch>
struct QueryCall {
  const BackwardProblem& problem;
  Launch& launch;

  template <class T, int V, int G>
  void operator()() const {
    using A = Accumulator<T>;
    const Tiling tiling = tiling_of<G>(problem, problem.queries,
                                       sizeof(Kept<A>) + sizeof(Quad<unsigned>) + sizeof(Quad<A>));
    const auto kernel = is_common(problem) ? query_kernel<T, V, G, Common<V>>
                                           : query_kernel<T, V, G, Grid<0, 0>>;
    launch(kernel, tiling.blocks, tiling.threads, tiling.shared, problem, tiling.tiles);
  }
};

template <class Launch>
struct GatherCall {
  const BackwardProblem& problem;
  Launch& launch;

  template <class T, int V, int G>
  void operator()() const {
    const Tiling tiling = tiling_of<G>(problem, problem.tokens, 0);
    launch(gather_kernel<T, V, G>, tiling.blocks, tiling.threads, tiling.shared, problem,
           tiling.tiles);
  }
};

template <class Count, class Launch>
void sort_as(const BackwardProblem& problem, Launch& launch) {
  int64_t cells = 0;
  for (int i = 0; i < problem.levels; ++i) {
    if (cells < problem.level[i].cells) cells = problem.level[i].cells;
  }
  const int64_t most = kSortBytes / (kSortWarps * sizeof(Count));
  const int bins = static_cast<int>(cells < most ? cells + cells % 2 : most);  // ints follow
  const int64_t blocks = static_cast<int64_t>(problem.frames) * problem.heads * problem.levels;
  const bool wide = problem.kind == Kind::kDouble;
  const int bytes = wide ? 8 : problem.kind == Kind::kFloat ? 4 : 2;
  launch(sort_kernel<Count>, blocks, kSortThreads,
         kSortWarps * (bins * sizeof(Count) + sizeof(int)), problem, bins,
         problem.heads * problem.dims * bytes, wide ? 32 : 16);
}

template <class Launch>
void forward(const ForwardProblem& problem, Launch launch) {
  with_type(problem, ForwardCall<Launch>{problem, launch});
}

template <class Launch>
void backward(const BackwardProblem& problem, Launch launch) {
  with_type(problem, QueryCall<Launch>{problem, launch});
  const int64_t samples = static_cast<int64_t>(problem.queries) * problem.points;
  if (samples <= std::numeric_limits<uint16_t>::max()) {
    sort_as<uint16_t>(problem, launch);
  } else {
    sort_as<uint32_t>(problem, launch);
  }
  with_type(problem, GatherCall<Launch>{problem, launch});
}

}  // namespace avsbench::cuda

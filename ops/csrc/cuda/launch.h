// How many blocks of which kernel a call takes. `Launch` is called with (kernel, blocks, threads,
// bytes of shared memory, the kernel's arguments...): the GPU's launch, or the emulator's.

#pragma once

#include <cstddef>

#include "backward.h"

namespace avsbench::cuda {

constexpr int64_t kSharedBytes = 48 * 1024;  // what every device grants without being asked
constexpr int64_t kBandBytes = 32 * 1024;    // sums of value_kernel
constexpr int kShortestBand = 64;            // tokens
constexpr int kBlocksPerProcessor = 4;       // value_kernel: enough to hide its waiting
constexpr int64_t kMaxBlocks = std::numeric_limits<int>::max();

// Blocks of neighbouring queries.
struct Tiling {
  int threads, tiles;
  int64_t blocks, shared;
};

inline Tiling tiling_of(const Problem& problem, int lanes, size_t bytes_per_sample) {
  const int64_t bytes = static_cast<int64_t>(problem.levels) * problem.points * bytes_per_sample;
  Tiling tiling{kMaxThreads, 0, 0, 0};
  while (tiling.threads > kWarp && tiling.threads / lanes * bytes > kSharedBytes) {
    tiling.threads /= 2;
  }
  const int groups = tiling.threads / lanes;
  tiling.tiles = (problem.queries + groups - 1) / groups;
  tiling.blocks = static_cast<int64_t>(tiling.tiles) * problem.frames * problem.heads;
  tiling.shared = groups * bytes;
  return tiling;
}

// Bands of tokens.
struct Banding {
  int length, bands;
  int64_t blocks, shared;
};

template <class T>
Banding banding_of(const Problem& problem, int length) {
  Banding banding{length, 0, 0, 0};
  int longest = 0;
  for (int i = 0; i < problem.levels; ++i) {
    const int size = problem.level[i].height * problem.level[i].width;
    banding.bands += (size + length - 1) / length;
    longest = longest < size ? size : longest;
  }
  const int chunks = (problem.dims + kWarp - 1) / kWarp;
  banding.blocks = static_cast<int64_t>(banding.bands) * chunks * problem.frames * problem.heads;
  banding.shared = 2 * kWarp * sizeof(Hit<Accumulator<T>>) +
                   sizeof(Accumulator<T>) * kWarp * (longest < length ? longest : length);
  return banding;
}

// Long bands read the samples fewer times, short ones fill a large GPU; the sums are the same.
template <class T>
Banding choose_banding(const Problem& problem, int processors) {
  int length = static_cast<int>(kBandBytes / (kWarp * sizeof(Accumulator<T>)));
  Banding banding = banding_of<T>(problem, length);
  while (banding.blocks < static_cast<int64_t>(kBlocksPerProcessor) * processors &&
         length > kShortestBand) {
    length /= 2;
    banding = banding_of<T>(problem, length);
  }
  return banding;
}

// Lanes for a query's head: what its channels need, 4, 8 or 16.
template <class T, int V, class Call>
void with_lanes(const Problem& problem, Call call) {
  const int packs = (problem.dims + V - 1) / V;
  if (packs <= 4) {
    call.template operator()<T, V, 4>();
  } else if (packs <= 8) {
    call.template operator()<T, V, 8>();
  } else {
    call.template operator()<T, V, 16>();
  }
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

template <class Launch>
struct ForwardCall {
  const ForwardProblem& problem;
  Launch& launch;

  template <class T, int V, int G>
  void operator()() const {
    const Tiling tiling = tiling_of(problem, G, sizeof(Sample<Accumulator<T>>));
    launch(forward_kernel<T, V, G>, tiling.blocks, tiling.threads, tiling.shared, problem,
           tiling.tiles);
  }
};

template <class Launch>
struct QueryCall {
  const BackwardProblem& problem;
  Launch& launch;

  template <class T, int V, int G>
  void operator()() const {
    using A = Accumulator<T>;
    const Tiling tiling = tiling_of(problem, G, sizeof(Sample<A>) + sizeof(Slope<A>));
    launch(query_kernel<T, V, G>, tiling.blocks, tiling.threads, tiling.shared, problem,
           tiling.tiles);
  }
};

template <class T, class Launch>
void backward_as(const BackwardProblem& problem, int processors, Launch& launch) {
  with_pack<T>(problem, QueryCall<Launch>{problem, launch});
  const Banding banding = choose_banding<T>(problem, processors);
  launch(value_kernel<T>, banding.blocks, kWarp, banding.shared, problem, banding.length,
         banding.bands);
}

template <class Launch>
void forward(const ForwardProblem& problem, Launch launch) {
  const ForwardCall<Launch> call{problem, launch};
  switch (problem.kind) {
    case Kind::kFloat: return with_pack<float>(problem, call);
    case Kind::kHalf: return with_pack<c10::Half>(problem, call);
    case Kind::kBFloat16: return with_pack<c10::BFloat16>(problem, call);
    case Kind::kDouble: return with_pack<double>(problem, call);
  }
}

// `processors`: the device's multiprocessors.
template <class Launch>
void backward(const BackwardProblem& problem, int processors, Launch launch) {
  switch (problem.kind) {
    case Kind::kFloat: return backward_as<float>(problem, processors, launch);
    case Kind::kHalf: return backward_as<c10::Half>(problem, processors, launch);
    case Kind::kBFloat16: return backward_as<c10::BFloat16>(problem, processors, launch);
    case Kind::kDouble: return backward_as<double>(problem, processors, launch);
  }
}

}  // namespace avsbench::cuda

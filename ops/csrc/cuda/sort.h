// Backward kernel 2: a stable counting sort of each level's samples by cell.
//
// A block sorts the samples of one frame, head and level. Each warp takes a stretch of them; it
// counts those of each cell, and later puts them behind the ones of the warps before it. So the
// order within a cell is that of (query, point), whatever the GPU does at the same time. Where a
// level has more cells than the shared memory has counters, the block goes over the samples
// once for each part of the cells.

#pragma once

#include "sampling.h"

namespace avsbench::cuda {

constexpr int kSortWarps = 8;
constexpr int kSortThreads = kSortWarps * kWarp;

// Lanes with the same key: how many, how many of them before this one.
struct Peers {
  int count, before;
  MSDA_DEVICE Peers(int key, int lane) {
    const unsigned mask = __match_any_sync(kWholeWarp, key);
    count = __popc(mask);
    before = __popc(mask & ((1u << lane) - 1));
  }
};

// The sum of the threads before this one. `partial`: an int for each warp, in shared memory.
MSDA_DEVICE int sum_before(int count, int lane, int warp, int* partial) {
  int sum = count;
#pragma unroll
  for (int step = 1; step < kWarp; step *= 2) {
    const int other = __shfl_up_sync(kWholeWarp, sum, step);
    if (lane >= step) sum += other;
  }
  if (lane == kWarp - 1) partial[warp] = sum;
  __syncthreads();
  int before = sum - count;
  for (int i = 0; i < warp; ++i) before += partial[i];
  __syncthreads();
  return before;
}

// `bins`: counters of a warp. Count: counts all samples of a level. `row`, `weights`: bytes of a
// query in a head's column of the output's gradient, and of a sample's corner weights.
template <class Count>
MSDA_KERNEL(kSortThreads, 4)
sort_kernel(MSDA_ARGUMENT BackwardProblem problem, int bins, int row, int weights) {
  MSDA_SHARED(memory);
  Count* counts = reinterpret_cast<Count*>(memory);  // (warps, bins)
  int* partial = reinterpret_cast<int*>(memory + sizeof(Count) * kSortWarps * bins);
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const int index = blockIdx.x % problem.levels;
  const int64_t pair = blockIdx.x / problem.levels;

  const int samples = problem.queries * problem.points;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * samples;
  const int* cells = problem.cells + first;
  Entry* entries = problem.entries + first;
  const int size = problem.level[index].cells;
  int* starts = problem.starts + pair * problem.cells_of_head + problem.level[index].cells_start;

  // Stretches of whole warps, so that only the last one has lanes without a sample.
  const int stretch = (samples + kSortThreads - 1) / kSortThreads * kWarp;
  const int begin = smaller(samples, warp * stretch), end = smaller(samples, begin + stretch);
  Count* mine = counts + warp * bins;
  int sorted = 0;  // entries of the parts before
  for (int low = 0; low < size; low += bins) {
    const int part = smaller(bins, size - low);
    for (int i = threadIdx.x; i < kSortWarps * bins; i += kSortThreads) counts[i] = 0;
    __syncthreads();

    for (int at = begin; at < end; at += kWarp) {
      const int bin = at + lane < end ? cells[at + lane] - low : -1;
      const Peers peers(bin, lane);
      if (bin >= 0 && bin < part && peers.before == 0) {
        mine[bin] = static_cast<Count>(mine[bin] + peers.count);
      }
      __syncwarp();
    }
    __syncthreads();

    // From counts to the place of a warp's first sample of each cell, among the cell's.
    const int each = (part + kSortThreads - 1) / kSortThreads;
    const int left = smaller(part, static_cast<int>(threadIdx.x) * each);
    const int right = smaller(part, left + each);
    int here = 0;
    for (int bin = left; bin < right; ++bin) {
      int sum = 0;
      for (int i = 0; i < kSortWarps; ++i) sum += counts[i * bins + bin];
      here += sum;
    }
    int start = sorted + sum_before(here, lane, warp, partial);
    if (static_cast<int>(threadIdx.x) == kSortThreads - 1) partial[0] = start + here;
    for (int bin = left; bin < right; ++bin) {
      starts[low + bin] = start;
      int before = 0;
      for (int i = 0; i < kSortWarps; ++i) {
        const int count = counts[i * bins + bin];
        counts[i * bins + bin] = static_cast<Count>(before);
        before += count;
      }
      start += before;
    }
    __syncthreads();
    sorted = partial[0];

    for (int at = begin; at < end; at += kWarp) {
      const int sample = at + lane;
      const int bin = sample < end ? cells[sample] - low : -1;
      const Peers peers(bin, lane);
      if (bin >= 0 && bin < part) {
        const int place = starts[low + bin] + mine[bin] + peers.before;
        entries[place] = {static_cast<unsigned>(sample / problem.points) * row,
                          static_cast<unsigned>(sample) * weights};
      }
      __syncwarp();
      if (bin >= 0 && bin < part && peers.before == 0) {
        mine[bin] = static_cast<Count>(mine[bin] + peers.count);
      }
      __syncwarp();
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) starts[size] = sorted;
}

}  // namespace avsbench::cuda

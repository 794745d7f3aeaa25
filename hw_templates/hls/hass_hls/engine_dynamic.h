// Dynamic engines: each lane looks at the M pairs of a segment, marks those with both operands
// non-zero, and multiplies FINE of the marked ones a cycle: k active pairs take
// max(1, ceil(k / FINE)) cycles. Lanes run apart; the FIFOs of segments in front of the lanes, and
// of as many segments' results behind them, say how far (2: one goes while one comes).
// In: CHUNKS segments for each of STEPS steps of a frame; a lane does its FILTERS with each.
// Out: the sums of a step's last segment, a beat per filter; sums of those before wait in the lane.
// Weights: one row of M per lane, segment and filter, ROWS of them, again after every position.
#ifndef HASS_ENGINE_DYNAMIC_H
#define HASS_ENGINE_DYNAMIC_H

#include "count.h"
#include "fork_segments.h"
#include "join_lanes.h"
#include "words.h"

namespace hass {

// One lane.
template <typename Act, typename Weight, typename Acc, int M, int FINE, int ROWS, int STEPS,
          int CHUNKS, int FILTERS>
void dynamic_lane(int frames, hls::stream<vec<Act, M> >& in, hls::stream<Acc>& out,
                  const Weight weights[ROWS][M]) {
#pragma HLS ARRAY_RESHAPE variable=weights complete dim=2
    vec<Act, M> segment;
    vec<Weight, M> row_weights;
    vec<bool, M> active;   // pairs still to be multiplied
    Acc partial[FILTERS];  // of the segments before
#pragma HLS ARRAY_PARTITION variable=segment.word complete
#pragma HLS ARRAY_PARTITION variable=row_weights.word complete
#pragma HLS ARRAY_PARTITION variable=active.word complete
#pragma HLS DEPENDENCE variable=partial type=inter direction=RAW distance=FILTERS true
    HASS_COUNT_PROCESS("dynamic_lane")
    Acc sum = 0;
    bool fresh = true;
    int frame = 0, step = 0, chunk = 0, filter = 0, row = 0;
    while (frame < frames) {
#pragma HLS PIPELINE II=1
        HASS_COUNT_ITERATION
        if (fresh && filter == 0) segment = in.read();
        if (fresh) {
            for (int m = 0; m < M; ++m) {
#pragma HLS UNROLL
                row_weights[m] = weights[row][m];
                active[m] = segment[m] != 0 && row_weights[m] != 0;
            }
            sum = chunk == 0 ? Acc(0) : partial[filter];
            row = row == ROWS - 1 ? 0 : row + 1;
        }
        // select: the first FINE of the pairs left
        vec<Act, FINE> left = vec<Act, FINE>();
        vec<Weight, FINE> right = vec<Weight, FINE>();
        int taken = 0;
        bool more = false;
        for (int m = 0; m < M; ++m) {
#pragma HLS UNROLL
            if (active[m] && taken < FINE) {
                left[taken] = segment[m];
                right[taken] = row_weights[m];
                active[m] = false;
                ++taken;
            } else if (active[m]) {
                more = true;
            }
        }
        for (int f = 0; f < FINE; ++f) {
#pragma HLS UNROLL
            if (f < taken) sum += left[f] * right[f];
        }
        fresh = !more;
        if (fresh) {
            if (chunk == CHUNKS - 1) {
                out.write(sum);
            } else {
                partial[filter] = sum;
            }
            filter = filter == FILTERS - 1 ? 0 : filter + 1;
            if (filter == 0) {
                chunk = chunk == CHUNKS - 1 ? 0 : chunk + 1;
                if (chunk == 0) step = step == STEPS - 1 ? 0 : step + 1;
                if (chunk == 0 && step == 0) ++frame;
            }
        }
    }
}

template <typename Act, typename Weight, typename Acc, int GROUPS, int OUTS, int INS, int M,
          int FINE, int ROWS, int STEPS, int CHUNKS, int FILTERS, int FIFO_DEPTH>
void engine_dynamic(int frames, hls::stream<vec<Act, GROUPS * INS * M> >& in,
                    hls::stream<vec<Acc, GROUPS * OUTS * INS> >& out,
                    const Weight weights[GROUPS * OUTS * INS][ROWS][M]) {
#pragma HLS DATAFLOW
#pragma HLS ARRAY_PARTITION variable=weights complete dim=1
    const int LANES = GROUPS * OUTS * INS;
    hls::stream<vec<Act, M> > segments[LANES];
    hls::stream<Acc> sums[LANES];
#pragma HLS STREAM variable=segments depth=FIFO_DEPTH
#pragma HLS STREAM variable=sums depth=(FIFO_DEPTH * FILTERS)
    fork_segments<Act, GROUPS, OUTS, INS, M, STEPS * CHUNKS>(frames, in, segments);
    for (int lane = 0; lane < LANES; ++lane) {
#pragma HLS UNROLL
        dynamic_lane<Act, Weight, Acc, M, FINE, ROWS, STEPS, CHUNKS, FILTERS>(
            frames, segments[lane], sums[lane], weights[lane]);
    }
    join_lanes<Acc, LANES, STEPS * FILTERS>(frames, sums, out);
}

}  // namespace hass

#endif

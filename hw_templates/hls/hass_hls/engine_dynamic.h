// Dynamic engines: each lane looks at the M pairs of a segment, marks those with both operands
// non-zero, and multiplies FINE of the marked ones a cycle: k active pairs take
// max(1, ceil(k / FINE)) cycles. Lanes run apart; the FIFOs between fork_segments and the lanes
// (and behind them) say how far.
// Weights: one row of M per lane and segment, rows repeat after every output position.
#ifndef HASS_ENGINE_DYNAMIC_H
#define HASS_ENGINE_DYNAMIC_H

#include "count.h"
#include "join_lanes.h"
#include "words.h"

namespace hass {

// Hands each lane (g, o, i) its segment: the window of (g, i), forked to all OUTS.
template <typename Act, int GROUPS, int OUTS, int INS, int M, int SEGMENTS>
void fork_segments(hls::stream<vec<Act, GROUPS * INS * M> >& in,
                   hls::stream<vec<Act, M> > lanes[GROUPS * OUTS * INS]) {
    for (int number = 0; number < SEGMENTS; ++number) {
#pragma HLS PIPELINE II=1
        const vec<Act, GROUPS * INS * M> all = in.read();
        for (int lane = 0; lane < GROUPS * OUTS * INS; ++lane) {
#pragma HLS UNROLL
            const int source = lane / (OUTS * INS) * INS + lane % INS;
            vec<Act, M> segment;
            for (int m = 0; m < M; ++m) segment[m] = all[source * M + m];
            lanes[lane].write(segment);
        }
    }
}

// One lane.
template <typename Act, typename Weight, typename Acc, int LAYER, int M, int FINE, int ROWS,
          int SEGMENTS>
void dynamic_lane(hls::stream<vec<Act, M> >& in, hls::stream<Acc>& out,
                  const Weight weights[ROWS][M], int lane) {
#pragma HLS ARRAY_RESHAPE variable=weights complete dim=2
    vec<Act, M> segment;
    vec<Weight, M> row_weights;
    vec<bool, M> active;  // pairs still to be multiplied
#pragma HLS ARRAY_PARTITION variable=segment.word complete
#pragma HLS ARRAY_PARTITION variable=row_weights.word complete
#pragma HLS ARRAY_PARTITION variable=active.word complete
    Acc sum = 0;
    bool fresh = true;
    int row = 0;
    HASS_COUNT_BEGIN
    for (int number = 0; number < SEGMENTS;) {
#pragma HLS PIPELINE II=1
        HASS_COUNT_ITERATION
        if (fresh) {
            segment = in.read();
            for (int m = 0; m < M; ++m) {
#pragma HLS UNROLL
                row_weights[m] = weights[row][m];
                active[m] = segment[m] != 0 && row_weights[m] != 0;
            }
            sum = 0;
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
            out.write(sum);
            ++number;
        }
    }
    HASS_COUNT_END(LAYER, lane)
}

template <typename Act, typename Weight, typename Acc, int LAYER, int GROUPS, int OUTS, int INS,
          int M, int FINE, int ROWS, int SEGMENTS, int FIFO_DEPTH>
void engine_dynamic(hls::stream<vec<Act, GROUPS * INS * M> >& in,
                    hls::stream<vec<Acc, GROUPS * OUTS * INS> >& out,
                    const Weight weights[GROUPS * OUTS * INS][ROWS][M]) {
#pragma HLS DATAFLOW
#pragma HLS ARRAY_PARTITION variable=weights complete dim=1
    const int LANES = GROUPS * OUTS * INS;
    hls::stream<vec<Act, M> > segments[LANES];
    hls::stream<Acc> sums[LANES];
#pragma HLS STREAM variable=segments depth=FIFO_DEPTH
#pragma HLS STREAM variable=sums depth=FIFO_DEPTH
    fork_segments<Act, GROUPS, OUTS, INS, M, SEGMENTS>(in, segments);
    for (int lane = 0; lane < LANES; ++lane) {
#pragma HLS UNROLL
        dynamic_lane<Act, Weight, Acc, LAYER, M, FINE, ROWS, SEGMENTS>(segments[lane], sums[lane],
                                                                       weights[lane], lane);
    }
    join_lanes<Acc, LANES, SEGMENTS>(sums, out);
}

}  // namespace hass

#endif

// Broadcast engines: each of the GROUPS x INS looks at the M activations of a segment and takes those
// that are not zero, one a cycle, for all OUTS filters: k of them take max(1, k) cycles. Engines run
// apart; the FIFOs of segments in front of them, and of as many segments' results behind them, say
// how far (2: one goes while one comes).
// In: CHUNKS segments for each of STEPS steps of a frame; an engine does its FILTERS with each.
// Out: the sums of a step's last segment, a beat per filter; sums of those before wait inside. Lane
// (g, o, i) is number (g * OUTS + o) * INS + i.
// Weights: a row of OUTS per engine and activation, M rows a segment and filter, again after every
// position.
#ifndef HASS_ENGINE_BROADCAST_H
#define HASS_ENGINE_BROADCAST_H

#include "count.h"
#include "fork_segments.h"
#include "words.h"

namespace hass {

// One engine.
template <typename Act, typename Weight, typename Acc, int OUTS, int M, int ROWS, int STEPS,
          int CHUNKS, int FILTERS>
void broadcast_lane(int frames, hls::stream<vec<Act, M> >& in, hls::stream<vec<Acc, OUTS> >& out,
                    const Weight weights[ROWS][OUTS]) {
#pragma HLS ARRAY_RESHAPE variable=weights complete dim=2
    vec<Act, M> segment;
    vec<bool, M> active;  // activations still to be taken
    vec<Acc, OUTS> sums;
    vec<Acc, OUTS> partial[FILTERS];  // of the segments before
#pragma HLS ARRAY_PARTITION variable=segment.word complete
#pragma HLS ARRAY_PARTITION variable=active.word complete
#pragma HLS ARRAY_PARTITION variable=sums.word complete
#pragma HLS AGGREGATE variable=partial
#pragma HLS DEPENDENCE variable=partial type=inter direction=RAW distance=FILTERS true
    HASS_COUNT_PROCESS("broadcast_lane")
    bool fresh = true;
    int frame = 0, step = 0, chunk = 0, filter = 0, row = 0;
    while (frame < frames) {
#pragma HLS PIPELINE II=1
        HASS_COUNT_ITERATION
        if (fresh && filter == 0) segment = in.read();
        if (fresh) {
            for (int m = 0; m < M; ++m) {
#pragma HLS UNROLL
                active[m] = segment[m] != 0;
            }
            if (chunk > 0) sums = partial[filter];
        }
        // the next one, or the first where all are zero
        int chosen = 0;
        bool found = false, more = false;
        for (int m = 0; m < M; ++m) {
#pragma HLS UNROLL
            if (active[m] && !found) {
                chosen = m;
                found = true;
                active[m] = false;
            } else if (active[m]) {
                more = true;
            }
        }
        const Act value = segment[chosen];
        for (int o = 0; o < OUTS; ++o) {
#pragma HLS UNROLL
            const Acc before = fresh && chunk == 0 ? Acc(0) : sums[o];
            sums[o] = before + value * weights[row + chosen][o];
        }
        fresh = !more;
        if (fresh) {
            row = row == ROWS - M ? 0 : row + M;
            if (chunk == CHUNKS - 1) {
                out.write(sums);
            } else {
                partial[filter] = sums;
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

// The sums of all engines side by side, once each has one.
template <typename Acc, int GROUPS, int OUTS, int INS, int RESULTS>
void join_engines(int frames, hls::stream<vec<Acc, OUTS> > engines[GROUPS * INS],
                  hls::stream<vec<Acc, GROUPS * OUTS * INS> >& out) {
    HASS_COUNT_PROCESS("join_engines")
    for (int frame = 0; frame < frames; ++frame) {
        for (int number = 0; number < RESULTS; ++number) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            vec<Acc, GROUPS * OUTS * INS> all;
            for (int engine = 0; engine < GROUPS * INS; ++engine) {
#pragma HLS UNROLL
                const vec<Acc, OUTS> sums = engines[engine].read();
                const int first = engine / INS * OUTS * INS + engine % INS;
                for (int o = 0; o < OUTS; ++o) all[first + o * INS] = sums[o];
            }
            out.write(all);
        }
    }
}

template <typename Act, typename Weight, typename Acc, int GROUPS, int OUTS, int INS, int M,
          int ROWS, int STEPS, int CHUNKS, int FILTERS, int FIFO_DEPTH>
void engine_broadcast(int frames, hls::stream<vec<Act, GROUPS * INS * M> >& in,
                      hls::stream<vec<Acc, GROUPS * OUTS * INS> >& out,
                      const Weight weights[GROUPS * INS][ROWS][OUTS]) {
#pragma HLS DATAFLOW
#pragma HLS ARRAY_PARTITION variable=weights complete dim=1
    const int ENGINES = GROUPS * INS;
    hls::stream<vec<Act, M> > segments[ENGINES];
    hls::stream<vec<Acc, OUTS> > sums[ENGINES];
#pragma HLS STREAM variable=segments depth=FIFO_DEPTH
#pragma HLS STREAM variable=sums depth=(FIFO_DEPTH * FILTERS)
    fork_segments<Act, GROUPS, 1, INS, M, STEPS * CHUNKS>(frames, in, segments);
    for (int engine = 0; engine < ENGINES; ++engine) {
#pragma HLS UNROLL
        broadcast_lane<Act, Weight, Acc, OUTS, M, ROWS, STEPS, CHUNKS, FILTERS>(
            frames, segments[engine], sums[engine], weights[engine]);
    }
    join_engines<Acc, GROUPS, OUTS, INS, STEPS * FILTERS>(frames, sums, out);
}

}  // namespace hass

#endif

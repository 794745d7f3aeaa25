// Static engines: only non-zero weights are stored, FINE a row with the places of their activations
// in the segment, in an order fixed offline. A row is a cycle and serves all lanes. A lane works
// through the FILTERS of a window one after the other, a mark ends each; a mark for all lanes ends
// the window, whose fullest lane decides its rows. Results of CHUNKS windows are summed here.
// Lane (g, o, i) is number (g * OUTS + o) * INS + i. Rows repeat after every output position.
#ifndef HASS_ENGINE_STATIC_H
#define HASS_ENGINE_STATIC_H

#include "count.h"
#include "join_lanes.h"
#include "words.h"

namespace hass {

template <typename Act, typename Weight, typename Acc, typename Word, int GROUPS, int OUTS,
          int INS, int M, int FINE, int INDEX_BITS, int ROWS, int POSITIONS, int FILTERS,
          int CHUNKS>
void static_lanes(int frames, hls::stream<vec<Act, GROUPS * INS * M> >& in,
                  hls::stream<Acc> out[GROUPS * OUTS * INS],
                  const Word weights[ROWS][GROUPS * OUTS * INS][FINE],
                  const bool marks[ROWS][GROUPS * OUTS * INS + 1]) {
    const int LANES = GROUPS * OUTS * INS;
    vec<Act, GROUPS * INS * M> segment;
    Acc sums[LANES];
    Acc partial[LANES][FILTERS];  // of the windows before
    int filter[LANES];
    bool fresh[LANES];
#pragma HLS ARRAY_PARTITION variable=segment.word complete
#pragma HLS ARRAY_PARTITION variable=sums complete
#pragma HLS ARRAY_PARTITION variable=partial complete dim=1
#pragma HLS DEPENDENCE variable=partial type=inter direction=RAW distance=FILTERS true
#pragma HLS ARRAY_PARTITION variable=filter complete
#pragma HLS ARRAY_PARTITION variable=fresh complete
    for (int lane = 0; lane < LANES; ++lane) {
#pragma HLS UNROLL
        sums[lane] = 0;
        filter[lane] = 0;
        fresh[lane] = true;
    }
    bool next = true;
    int chunk = 0;
    HASS_COUNT_PROCESS("static_lanes")
    for (int frame = 0; frame < frames; ++frame) {
        for (int position = 0; position < POSITIONS; ++position) {
            for (int row = 0; row < ROWS; ++row) {
#pragma HLS PIPELINE II=1
                HASS_COUNT_ITERATION
                if (next) segment = in.read();
                next = marks[row][LANES];
                for (int lane = 0; lane < LANES; ++lane) {
#pragma HLS UNROLL
                    const int source = lane / (OUTS * INS) * INS + lane % INS;
                    Acc sum = sums[lane];
                    if (fresh[lane]) sum = chunk == 0 ? Acc(0) : partial[lane][filter[lane]];
                    for (int f = 0; f < FINE; ++f) {
#pragma HLS UNROLL
                        const Word word = weights[row][lane][f];
                        const int m = static_cast<int>(word & ((1 << INDEX_BITS) - 1));
                        const Weight weight = static_cast<Weight>(word >> INDEX_BITS);
                        sum += segment[source * M + m] * weight;
                    }
                    sums[lane] = sum;
                    if (marks[row][lane]) {
                        if (chunk == CHUNKS - 1) {
                            out[lane].write(sum);
                        } else {
                            partial[lane][filter[lane]] = sum;
                        }
                        filter[lane] = filter[lane] == FILTERS - 1 ? 0 : filter[lane] + 1;
                    }
                    fresh[lane] = next || marks[row][lane];
                }
                if (next) chunk = chunk == CHUNKS - 1 ? 0 : chunk + 1;
            }
        }
    }
}

template <typename Act, typename Weight, typename Acc, typename Word, int GROUPS, int OUTS,
          int INS, int M, int FINE, int INDEX_BITS, int ROWS, int POSITIONS, int FILTERS,
          int CHUNKS, int RESULTS>
void engine_static(int frames, hls::stream<vec<Act, GROUPS * INS * M> >& in,
                   hls::stream<vec<Acc, GROUPS * OUTS * INS> >& out,
                   const Word weights[ROWS][GROUPS * OUTS * INS][FINE],
                   const bool marks[ROWS][GROUPS * OUTS * INS + 1]) {
#pragma HLS DATAFLOW
#pragma HLS ARRAY_RESHAPE variable=weights complete dim=2
#pragma HLS ARRAY_RESHAPE variable=weights complete dim=3
#pragma HLS ARRAY_RESHAPE variable=marks complete dim=2
    const int LANES = GROUPS * OUTS * INS;
    hls::stream<Acc> sums[LANES];
#pragma HLS STREAM variable=sums depth=(FILTERS > 2 ? FILTERS : 2)
    static_lanes<Act, Weight, Acc, Word, GROUPS, OUTS, INS, M, FINE, INDEX_BITS, ROWS, POSITIONS,
                 FILTERS, CHUNKS>(frames, in, sums, weights, marks);
    join_lanes<Acc, LANES, RESULTS>(frames, sums, out);
}

}  // namespace hass

#endif

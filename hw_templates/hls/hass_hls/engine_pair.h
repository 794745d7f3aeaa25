// Dense engines, as in engine_dense.h, of which two share their multipliers: those of neighbouring
// filters, which see the same activations. A multiplier takes the weights of both, the second one
// SHIFT bits higher; the sum of a cycle's products falls into a lower part of SHIFT bits and an
// upper one. Which widths and FINE that holds for is hass.cost's to know. OUTS is even.
#ifndef HASS_ENGINE_PAIR_H
#define HASS_ENGINE_PAIR_H

#include "count.h"
#include "words.h"

namespace hass {

template <typename Act, typename Weight, typename Acc, int GROUPS, int OUTS, int INS, int M,
          int FINE, int ROWS, int STEPS, int CHUNKS, int FILTERS, int SHIFT>
void engine_pair(int frames, hls::stream<vec<Act, GROUPS * INS * M> >& in,
                 hls::stream<vec<Acc, GROUPS * OUTS * INS> >& out,
                 const Weight weights[GROUPS * OUTS * INS][ROWS][FINE]) {
    const int LANES = GROUPS * OUTS * INS;
    const int TURNS = (M + FINE - 1) / FINE;
    vec<Act, GROUPS * INS * M> segment;
    vec<Acc, LANES> sums;
    vec<Acc, LANES> partial[FILTERS];  // of the segments before
#pragma HLS ARRAY_PARTITION variable=segment.word complete
#pragma HLS ARRAY_PARTITION variable=sums.word complete
#pragma HLS AGGREGATE variable=partial
#pragma HLS DEPENDENCE variable=partial type=inter direction=RAW distance=FILTERS true
#pragma HLS ARRAY_PARTITION variable=weights complete dim=1
#pragma HLS ARRAY_RESHAPE variable=weights complete dim=3
    HASS_COUNT_PROCESS("engine_pair")
    int row = 0;
    for (int frame = 0; frame < frames; ++frame) {
        for (int step = 0; step < STEPS; ++step) {
            for (int chunk = 0; chunk < CHUNKS; ++chunk) {
                for (int filter = 0; filter < FILTERS; ++filter) {
                    for (int turn = 0; turn < TURNS; ++turn) {
#pragma HLS PIPELINE II=1
                        HASS_COUNT_ITERATION
                        if (filter == 0 && turn == 0) segment = in.read();
                        if (turn == 0 && chunk > 0) sums = partial[filter];
                        const bool first = turn == 0 && chunk == 0;
                        for (int pair = 0; pair < LANES / 2; ++pair) {
#pragma HLS UNROLL
                            const int lower = pair / INS * 2 * INS + pair % INS;
                            const int upper = lower + INS;
                            const int source = lower / (OUTS * INS) * INS + lower % INS;
                            ap_int<48> both = 0;
                            for (int f = 0; f < FINE; ++f) {
#pragma HLS UNROLL
                                const int m = turn * FINE + f;
                                ap_int<27> factor = weights[upper][row][f];
                                factor <<= SHIFT;
                                factor += weights[lower][row][f];
                                if (m < M) both += segment[source * M + m] * factor;
                            }
                            const ap_int<SHIFT> low = both;
                            both -= low;
                            both >>= SHIFT;
                            Acc low_sum = first ? Acc(0) : sums[lower];
                            Acc high_sum = first ? Acc(0) : sums[upper];
                            low_sum += low;
                            high_sum += both;
                            sums[lower] = low_sum;
                            sums[upper] = high_sum;
                        }
                        if (turn == TURNS - 1) {
                            if (chunk == CHUNKS - 1) {
                                out.write(sums);
                            } else {
                                partial[filter] = sums;
                            }
                        }
                        row = row == ROWS - 1 ? 0 : row + 1;
                    }
                }
            }
        }
    }
}

}  // namespace hass

#endif

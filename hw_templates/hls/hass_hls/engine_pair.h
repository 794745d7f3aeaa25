// Dense engines, as in engine_dense.h, of which two share their multipliers: those of neighbouring
// filters, which see the same activations. A multiplier takes the weights of both, the second one
// SHIFT bits higher; the sum of a cycle's products falls into a lower part of SHIFT bits and an
// upper one. Which widths and FINE that holds for is hass.cost's to know. OUTS is even.
#ifndef HASS_ENGINE_PAIR_H
#define HASS_ENGINE_PAIR_H

#include "count.h"
#include "words.h"

namespace hass {

template <typename Act, typename Weight, typename Acc, int LAYER, int GROUPS, int OUTS, int INS,
          int M, int FINE, int ROWS, int SEGMENTS, int SHIFT>
void engine_pair(hls::stream<vec<Act, GROUPS * INS * M> >& in,
                 hls::stream<vec<Acc, GROUPS * OUTS * INS> >& out,
                 const Weight weights[GROUPS * OUTS * INS][ROWS][FINE]) {
    const int LANES = GROUPS * OUTS * INS;
    const int TURNS = (M + FINE - 1) / FINE;
    vec<Act, GROUPS * INS * M> segment;
    vec<Acc, LANES> sums;
#pragma HLS ARRAY_PARTITION variable=segment.word complete
#pragma HLS ARRAY_PARTITION variable=sums.word complete
#pragma HLS ARRAY_PARTITION variable=weights complete dim=1
#pragma HLS ARRAY_RESHAPE variable=weights complete dim=3
    HASS_COUNT_BEGIN
    int row = 0;
    for (int number = 0; number < SEGMENTS; ++number) {
        for (int turn = 0; turn < TURNS; ++turn) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            if (turn == 0) segment = in.read();
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
                Acc low_sum = turn == 0 ? Acc(0) : sums[lower];
                Acc high_sum = turn == 0 ? Acc(0) : sums[upper];
                low_sum += low;
                high_sum += both;
                sums[lower] = low_sum;
                sums[upper] = high_sum;
            }
            if (turn == TURNS - 1) out.write(sums);
            row = row == ROWS - 1 ? 0 : row + 1;
        }
    }
    for (int lane = 0; lane < LANES; ++lane) {
        HASS_COUNT_END(LAYER, lane)
    }
}

}  // namespace hass

#endif

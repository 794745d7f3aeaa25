// Dense engines: GROUPS x OUTS x INS lanes in lockstep, FINE multipliers each; a segment of M
// products takes ceil(M / FINE) cycles. Lane (g, o, i) is number (g * OUTS + o) * INS + i.
// Weights: one row of FINE per lane and cycle, rows repeat after every output position.
#ifndef HASS_ENGINE_DENSE_H
#define HASS_ENGINE_DENSE_H

#include "count.h"
#include "words.h"

namespace hass {

template <typename Act, typename Weight, typename Acc, int LAYER, int GROUPS, int OUTS, int INS,
          int M, int FINE, int ROWS, int SEGMENTS>
void engine_dense(hls::stream<vec<Act, GROUPS * INS * M> >& in,
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
            for (int lane = 0; lane < LANES; ++lane) {
#pragma HLS UNROLL
                const int source = lane / (OUTS * INS) * INS + lane % INS;
                Acc sum = turn == 0 ? Acc(0) : sums[lane];
                for (int f = 0; f < FINE; ++f) {
#pragma HLS UNROLL
                    const int m = turn * FINE + f;
                    if (m < M) sum += segment[source * M + m] * weights[lane][row][f];
                }
                sums[lane] = sum;
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

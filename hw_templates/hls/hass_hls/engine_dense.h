// Dense engines: GROUPS x OUTS x INS lanes in lockstep, FINE multipliers each; a segment of M
// products takes ceil(M / FINE) cycles. Lane (g, o, i) is number (g * OUTS + o) * INS + i.
// In: CHUNKS segments for each of STEPS steps of a frame; a lane does its FILTERS with each.
// Out: the sums of a step's last segment, a beat per filter; sums of those before wait inside.
// Weights: one row of FINE per lane and cycle, ROWS of them, again after every output position.
#ifndef HASS_ENGINE_DENSE_H
#define HASS_ENGINE_DENSE_H

#include "count.h"
#include "words.h"

namespace hass {

template <typename Act, typename Weight, typename Acc, int GROUPS, int OUTS, int INS, int M,
          int FINE, int ROWS, int STEPS, int CHUNKS, int FILTERS>
void engine_dense(int frames, hls::stream<vec<Act, GROUPS * INS * M> >& in,
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
    HASS_COUNT_PROCESS("engine_dense")
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
                        for (int lane = 0; lane < LANES; ++lane) {
#pragma HLS UNROLL
                            const int source = lane / (OUTS * INS) * INS + lane % INS;
                            Acc sum = turn == 0 && chunk == 0 ? Acc(0) : sums[lane];
                            for (int f = 0; f < FINE; ++f) {
#pragma HLS UNROLL
                                const int m = turn * FINE + f;
                                if (m < M) {
                                    sum += segment[source * M + m] * weights[lane][row][f];
                                }
                            }
                            sums[lane] = sum;
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

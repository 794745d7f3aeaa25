// Sums CHUNKS partial results of each lane: the channels that a lane works through in turn.
#ifndef HASS_ACCUMULATE_H
#define HASS_ACCUMULATE_H

#include "words.h"

namespace hass {

template <typename Acc, int LANES, int CHUNKS, int RESULTS>
void accumulate(hls::stream<vec<Acc, LANES> >& in, hls::stream<vec<Acc, LANES> >& out) {
    vec<Acc, LANES> sums;
#pragma HLS ARRAY_PARTITION variable=sums.word complete
    for (int result = 0; result < RESULTS; ++result) {
        for (int chunk = 0; chunk < CHUNKS; ++chunk) {
#pragma HLS PIPELINE II=1
            const vec<Acc, LANES> part = in.read();
            for (int lane = 0; lane < LANES; ++lane) {
#pragma HLS UNROLL
                Acc sum = chunk == 0 ? Acc(0) : sums[lane];
                sum += part[lane];
                sums[lane] = sum;
            }
            if (chunk == CHUNKS - 1) out.write(sums);
        }
    }
}

}  // namespace hass

#endif

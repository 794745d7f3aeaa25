// The results of all lanes side by side again; waits for the slowest.
#ifndef HASS_JOIN_LANES_H
#define HASS_JOIN_LANES_H

#include "count.h"
#include "words.h"

namespace hass {

template <typename Acc, int LANES, int RESULTS>
void join_lanes(int frames, hls::stream<Acc> lanes[LANES], hls::stream<vec<Acc, LANES> >& out) {
    HASS_COUNT_PROCESS("join_lanes")
    for (int frame = 0; frame < frames; ++frame) {
        for (int number = 0; number < RESULTS; ++number) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            vec<Acc, LANES> sums;
            for (int lane = 0; lane < LANES; ++lane) {
#pragma HLS UNROLL
                sums[lane] = lanes[lane].read();
            }
            out.write(sums);
        }
    }
}

}  // namespace hass

#endif

// Segments of a window to the lanes that work on them.
#ifndef HASS_FORK_SEGMENTS_H
#define HASS_FORK_SEGMENTS_H

#include "count.h"
#include "words.h"

namespace hass {

// Hands each lane (g, o, i) its segment: the window of (g, i), forked to all OUTS.
template <typename Act, int GROUPS, int OUTS, int INS, int M, int SEGMENTS>
void fork_segments(int frames, hls::stream<vec<Act, GROUPS * INS * M> >& in,
                   hls::stream<vec<Act, M> > lanes[GROUPS * OUTS * INS]) {
    HASS_COUNT_PROCESS("fork_segments")
    for (int frame = 0; frame < frames; ++frame) {
        for (int number = 0; number < SEGMENTS; ++number) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
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
}

}  // namespace hass

#endif

// Holds the windows of one output position (of the groups in work) and hands them out once for
// every filter that a lane computes in turn.
#ifndef HASS_REPLAY_H
#define HASS_REPLAY_H

#include "words.h"

namespace hass {

template <typename T, int N, int POSITIONS, int CHUNKS, int REPEATS>
void replay(hls::stream<vec<T, N> >& in, hls::stream<vec<T, N> >& out) {
    vec<T, N> held[CHUNKS];
#pragma HLS AGGREGATE variable=held
    for (int position = 0; position < POSITIONS; ++position) {
        for (int repeat = 0; repeat < REPEATS; ++repeat) {
            for (int chunk = 0; chunk < CHUNKS; ++chunk) {
#pragma HLS PIPELINE II=1
                vec<T, N> segment;
                if (repeat == 0) {
                    segment = in.read();
                    held[chunk] = segment;
                } else {
                    segment = held[chunk];
                }
                out.write(segment);
            }
        }
    }
}

}  // namespace hass

#endif

// Channels of a, then channels of b, at each position. Both have the output's format.
#ifndef HASS_CONCAT_H
#define HASS_CONCAT_H

#include "count.h"
#include "words.h"

namespace hass {

template <typename T, int PIXELS, int CHANNELS_A, int CHANNELS_B, int S>
void concat(int frames, hls::stream<vec<T, S> >& a, hls::stream<vec<T, S> >& b,
            hls::stream<vec<T, S> >& out) {
    HASS_COUNT_PROCESS("concat")
    for (int frame = 0; frame < frames; ++frame) {
        for (int pixel = 0; pixel < PIXELS; ++pixel) {
            for (int beat = 0; beat < (CHANNELS_A + CHANNELS_B) / S; ++beat) {
#pragma HLS PIPELINE II=1
                HASS_COUNT_ITERATION
                if (beat < CHANNELS_A / S) {
                    out.write(a.read());
                } else {
                    out.write(b.read());
                }
            }
        }
    }
}

}  // namespace hass

#endif

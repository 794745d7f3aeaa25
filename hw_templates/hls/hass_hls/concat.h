// Channels of a, then channels of b, at each position. Both have the output's format.
#ifndef HASS_CONCAT_H
#define HASS_CONCAT_H

#include "words.h"

namespace hass {

template <typename T, int PIXELS, int CHANNELS_A, int CHANNELS_B, int S>
void concat(hls::stream<vec<T, S> >& a, hls::stream<vec<T, S> >& b, hls::stream<vec<T, S> >& out) {
    for (int pixel = 0; pixel < PIXELS; ++pixel) {
        for (int beat = 0; beat < (CHANNELS_A + CHANNELS_B) / S; ++beat) {
#pragma HLS PIPELINE II=1
            if (beat < CHANNELS_A / S) {
                out.write(a.read());
            } else {
                out.write(b.read());
            }
        }
    }
}

}  // namespace hass

#endif

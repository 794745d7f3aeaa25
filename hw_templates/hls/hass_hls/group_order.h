// Reorders channels where several groups of a grouped convolution are worked on side by side.
// A block is GROUPS groups of CHANNELS channels. "Dealt" order: CHUNK channels of each group in
// turn, [chunk][group][channel of chunk]; "natural" order: [group][channel].
#ifndef HASS_GROUP_ORDER_H
#define HASS_GROUP_ORDER_H

#include "words.h"

namespace hass {

// Place in natural order of what stands at `place` of the dealt order.
template <int GROUPS, int CHANNELS, int CHUNK>
int natural_place(int place) {
#pragma HLS INLINE
    const int chunk = place / (GROUPS * CHUNK);
    const int group = place / CHUNK % GROUPS;
    return group * CHANNELS + chunk * CHUNK + place % CHUNK;
}

template <typename T, int BLOCKS, int GROUPS, int CHANNELS, int CHUNK, int S>
void deal_groups(hls::stream<vec<T, S> >& in, hls::stream<vec<T, S> >& out) {
    T block[GROUPS * CHANNELS];
#pragma HLS ARRAY_PARTITION variable=block complete
    for (int b = 0; b < BLOCKS; ++b) {
        for (int beat = 0; beat < GROUPS * CHANNELS / S; ++beat) {
#pragma HLS PIPELINE II=1
            const vec<T, S> words = in.read();
            for (int s = 0; s < S; ++s) block[beat * S + s] = words[s];
        }
        for (int beat = 0; beat < GROUPS * CHANNELS / S; ++beat) {
#pragma HLS PIPELINE II=1
            vec<T, S> words;
            for (int s = 0; s < S; ++s) {
                words[s] = block[natural_place<GROUPS, CHANNELS, CHUNK>(beat * S + s)];
            }
            out.write(words);
        }
    }
}

template <typename T, int BLOCKS, int GROUPS, int CHANNELS, int CHUNK, int S>
void collect_groups(hls::stream<vec<T, S> >& in, hls::stream<vec<T, S> >& out) {
    T block[GROUPS * CHANNELS];
#pragma HLS ARRAY_PARTITION variable=block complete
    for (int b = 0; b < BLOCKS; ++b) {
        for (int beat = 0; beat < GROUPS * CHANNELS / S; ++beat) {
#pragma HLS PIPELINE II=1
            const vec<T, S> words = in.read();
            for (int s = 0; s < S; ++s) {
                block[natural_place<GROUPS, CHANNELS, CHUNK>(beat * S + s)] = words[s];
            }
        }
        for (int beat = 0; beat < GROUPS * CHANNELS / S; ++beat) {
#pragma HLS PIPELINE II=1
            vec<T, S> words;
            for (int s = 0; s < S; ++s) words[s] = block[beat * S + s];
            out.write(words);
        }
    }
}

}  // namespace hass

#endif

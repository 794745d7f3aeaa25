// Reorders channels where several groups of a grouped convolution are worked on side by side.
// A block is GROUPS groups of CHANNELS channels. "Dealt" order: CHUNK channels of each group in
// turn, [chunk][group][channel of chunk]; "natural" order: [group][channel].
// A block comes in while the one before goes out; neither waits for the other.
#ifndef HASS_GROUP_ORDER_H
#define HASS_GROUP_ORDER_H

#include "count.h"
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

// Both directions: DEAL from natural to dealt order, else back.
template <typename T, bool DEAL, int BLOCKS, int GROUPS, int CHANNELS, int CHUNK, int S>
void reorder_groups(int frames, hls::stream<vec<T, S> >& in, hls::stream<vec<T, S> >& out) {
    const int BEATS = GROUPS * CHANNELS / S;
    T blocks[2][GROUPS * CHANNELS];
#pragma HLS ARRAY_PARTITION variable=blocks complete dim=0
    int blocks_in = 0, beat_in = 0;
    int blocks_out = 0, beat_out = 0;
    HASS_COUNT_PROCESS(DEAL ? "deal_groups" : "collect_groups")
    while (blocks_out < frames * BLOCKS) {
#pragma HLS PIPELINE II=1
        HASS_COUNT_ITERATION
        const bool is_there = blocks_in > blocks_out;
        const bool is_free = blocks_in < blocks_out + 2 && blocks_in < frames * BLOCKS;
        vec<T, S> words;
        for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
            const int place = beat_out * S + s;
            const int from = DEAL ? natural_place<GROUPS, CHANNELS, CHUNK>(place) : place;
            words[s] = blocks[blocks_out % 2][from];
        }
        if (is_there && out.write_nb(words)) {
            beat_out = beat_out == BEATS - 1 ? 0 : beat_out + 1;
            if (beat_out == 0) ++blocks_out;
        }
        if (is_free && in.read_nb(words)) {
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                const int place = beat_in * S + s;
                const int to = DEAL ? place : natural_place<GROUPS, CHANNELS, CHUNK>(place);
                blocks[blocks_in % 2][to] = words[s];
            }
            beat_in = beat_in == BEATS - 1 ? 0 : beat_in + 1;
            if (beat_in == 0) ++blocks_in;
        }
    }
}

template <typename T, int BLOCKS, int GROUPS, int CHANNELS, int CHUNK, int S>
void deal_groups(int frames, hls::stream<vec<T, S> >& in, hls::stream<vec<T, S> >& out) {
    reorder_groups<T, true, BLOCKS, GROUPS, CHANNELS, CHUNK, S>(frames, in, out);
}

template <typename T, int BLOCKS, int GROUPS, int CHANNELS, int CHUNK, int S>
void collect_groups(int frames, hls::stream<vec<T, S> >& in, hls::stream<vec<T, S> >& out) {
    reorder_groups<T, false, BLOCKS, GROUPS, CHANNELS, CHUNK, S>(frames, in, out);
}

}  // namespace hass

#endif

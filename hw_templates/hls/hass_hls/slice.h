// Keeps rows, columns and channels from START to STOP (exclusive), every STEP-th. S divides the
// channels' start and count where their step is 1; else S is 1.
#ifndef HASS_SLICE_H
#define HASS_SLICE_H

#include "words.h"

namespace hass {

constexpr bool kept(int place, int start, int stop, int step) {
    return place >= start && place < stop && (place - start) % step == 0;
}

template <typename T, int H, int W, int C, int S, int ROW_START, int ROW_STOP, int ROW_STEP,
          int COLUMN_START, int COLUMN_STOP, int COLUMN_STEP, int CHANNEL_START, int CHANNEL_STOP,
          int CHANNEL_STEP>
void slice(hls::stream<vec<T, S> >& in, hls::stream<vec<T, S> >& out) {
    for (int row = 0; row < H; ++row) {
        for (int column = 0; column < W; ++column) {
            for (int beat = 0; beat < C / S; ++beat) {
#pragma HLS PIPELINE II=1
                const vec<T, S> words = in.read();
                const int channel = beat * S;
                const bool in_channels =
                    S == 1 ? kept(channel, CHANNEL_START, CHANNEL_STOP, CHANNEL_STEP)
                           : channel >= CHANNEL_START && channel < CHANNEL_STOP;
                if (in_channels && kept(row, ROW_START, ROW_STOP, ROW_STEP) &&
                    kept(column, COLUMN_START, COLUMN_STOP, COLUMN_STEP)) {
                    out.write(words);
                }
            }
        }
    }
}

}  // namespace hass

#endif

// Zeros around a map of H x W x C words: rows, columns and channels. S divides C and the channels
// in front and behind.
#ifndef HASS_PAD_H
#define HASS_PAD_H

#include "words.h"

namespace hass {

template <typename T, int H, int W, int C, int S, int TOP, int LEFT, int BOTTOM, int RIGHT,
          int CHANNELS_FRONT, int CHANNELS_BACK>
void pad(hls::stream<vec<T, S> >& in, hls::stream<vec<T, S> >& out) {
    for (int row = 0; row < TOP + H + BOTTOM; ++row) {
        for (int column = 0; column < LEFT + W + RIGHT; ++column) {
            for (int beat = 0; beat < (CHANNELS_FRONT + C + CHANNELS_BACK) / S; ++beat) {
#pragma HLS PIPELINE II=1
                vec<T, S> words;
                for (int s = 0; s < S; ++s) words[s] = 0;
                if (row >= TOP && row < TOP + H && column >= LEFT && column < LEFT + W &&
                    beat >= CHANNELS_FRONT / S && beat < (CHANNELS_FRONT + C) / S) {
                    words = in.read();
                }
                out.write(words);
            }
        }
    }
}

}  // namespace hass

#endif

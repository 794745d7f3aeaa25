// Zeros around a map of H x W x C words: rows, columns and channels. S divides C and the channels
// that come out. Where S does not divide those in front, words of a beat wait for the next one.
#ifndef HASS_PAD_H
#define HASS_PAD_H

#include "count.h"
#include "words.h"

namespace hass {

template <typename T, int H, int W, int C, int S, int TOP, int LEFT, int BOTTOM, int RIGHT,
          int CHANNELS_FRONT, int CHANNELS_BACK>
void pad(int frames, hls::stream<vec<T, S> >& in, hls::stream<vec<T, S> >& out) {
    const int LATE = CHANNELS_FRONT % S;  // places by which words move up
    vec<T, S> before;                     // the beat that was read last
#pragma HLS ARRAY_PARTITION variable=before.word complete
    for (int s = 0; s < S; ++s) before[s] = 0;
    HASS_COUNT_PROCESS("pad")
    for (int frame = 0; frame < frames; ++frame) {
        for (int row = 0; row < TOP + H + BOTTOM; ++row) {
            for (int column = 0; column < LEFT + W + RIGHT; ++column) {
                for (int beat = 0; beat < (CHANNELS_FRONT + C + CHANNELS_BACK) / S; ++beat) {
#pragma HLS PIPELINE II=1
                    HASS_COUNT_ITERATION
                    const bool in_map =
                        row >= TOP && row < TOP + H && column >= LEFT && column < LEFT + W;
                    const int number = beat - CHANNELS_FRONT / S;  // of the pixel's beat in
                    vec<T, S> fresh = before;
                    if (in_map && number >= 0 && number < C / S) fresh = in.read();
                    vec<T, S> words;
                    for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                        const int channel = beat * S + s - CHANNELS_FRONT;
                        const bool inside = in_map && channel >= 0 && channel < C;
                        const int source = (s + S - LATE) % S;
                        const T word = s < LATE ? before[source] : fresh[source];
                        words[s] = inside ? word : T(0);
                    }
                    before = fresh;
                    out.write(words);
                }
            }
        }
    }
}

}  // namespace hass

#endif

// The sum of each window's taps (column_buffer.h, FILL 0) times the reciprocal of its divisor:
// all KH * KW taps, or with INSIDE those that lie in the H x W map. reciprocals[n] is 1 / n.
#ifndef HASS_AVG_POOL_H
#define HASS_AVG_POOL_H

#include "count.h"
#include "words.h"

namespace hass {

// Taps of a window of K from `start` that lie in 0..SIZE - 1.
template <int SIZE, int K>
int taps_inside(int start) {
#pragma HLS INLINE
    return min_of(start + K, SIZE) - max_of(start, 0);
}

template <int BITS, int H, int W, int C, int S, int KH, int KW, int SH, int SW, int TOP, int LEFT,
          int OUT_H, int OUT_W, bool INSIDE, int SHIFT>
void avg_pool(int frames, hls::stream<vec<ap_int<BITS>, S * KH * KW> >& in,
              hls::stream<vec<ap_int<BITS>, S> >& out, const int reciprocals[KH * KW + 1]) {
    HASS_COUNT_PROCESS("avg_pool")
    for (int frame = 0; frame < frames; ++frame) {
        for (int row = 0; row < OUT_H; ++row) {
            for (int column = 0; column < OUT_W; ++column) {
                for (int beat = 0; beat < C / S; ++beat) {
#pragma HLS PIPELINE II=1
                    HASS_COUNT_ITERATION
                    const vec<ap_int<BITS>, S * KH * KW> window = in.read();
                    const int divisor = INSIDE ? taps_inside<H, KH>(row * SH - TOP) *
                                                     taps_inside<W, KW>(column * SW - LEFT)
                                               : KH * KW;
                    vec<ap_int<BITS>, S> words;
                    for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                        ap_int<32> sum = 0;
                        for (int tap = 0; tap < KH * KW; ++tap) {
#pragma HLS UNROLL
                            sum += window[s * KH * KW + tap];
                        }
                        const ap_int<62> product = sum * ap_int<30>(reciprocals[divisor]);
                        words[s] = requantise<BITS, SHIFT>(product);
                    }
                    out.write(words);
                }
            }
        }
    }
}

}  // namespace hass

#endif

// x, or x times a slope where x is below zero, brought to the output format (SHIFT fractional bits
// fewer than that product has; a slope has FRAC_BITS of them).
#ifndef HASS_LEAKY_RELU_H
#define HASS_LEAKY_RELU_H

#include "count.h"
#include "words.h"

namespace hass {

template <int BITS, int FRAC_BITS, int SHIFT>
ap_int<BITS> leaky(const ap_int<BITS>& x, const ap_int<17>& slope) {
#pragma HLS INLINE
    ap_int<BITS + 18> scaled = x;
    if (x < 0) {
        scaled = x * slope;
    } else {
        scaled <<= FRAC_BITS;
    }
    return requantise<BITS, SHIFT>(scaled);
}

// The slope ALPHA of all words.
template <int BITS, int WORDS, int S, int ALPHA, int FRAC_BITS, int SHIFT>
void leaky_relu(int frames, hls::stream<vec<ap_int<BITS>, S> >& in,
                hls::stream<vec<ap_int<BITS>, S> >& out) {
    HASS_COUNT_PROCESS("leaky_relu")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < WORDS / S; ++beat) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            vec<ap_int<BITS>, S> words = in.read();
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                words[s] = leaky<BITS, FRAC_BITS, SHIFT>(words[s], ALPHA);
            }
            out.write(words);
        }
    }
}

// A slope of each channel: ROWS rows of S, repeated for every position.
template <int BITS, int POSITIONS, int ROWS, int S, int FRAC_BITS, int SHIFT>
void prelu(int frames, hls::stream<vec<ap_int<BITS>, S> >& in,
           hls::stream<vec<ap_int<BITS>, S> >& out, const ap_int<16> slopes[ROWS][S]) {
#pragma HLS ARRAY_RESHAPE variable=slopes complete dim=2
    HASS_COUNT_PROCESS("prelu")
    for (int frame = 0; frame < frames; ++frame) {
        for (int position = 0; position < POSITIONS; ++position) {
            for (int row = 0; row < ROWS; ++row) {
#pragma HLS PIPELINE II=1
                HASS_COUNT_ITERATION
                vec<ap_int<BITS>, S> words = in.read();
                for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                    words[s] = leaky<BITS, FRAC_BITS, SHIFT>(words[s], slopes[row][s]);
                }
                out.write(words);
            }
        }
    }
}

}  // namespace hass

#endif

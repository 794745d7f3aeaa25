// A function of each word, by 2**INDEX_BITS straight pieces of 2**LENGTH_BITS words around zero, of
// which the two at the ends go on. A word of the table holds a piece's value where it begins (18
// bits, ALIGN fractional bits fewer than a product) and above it its slope (18 bits); the sum is
// brought to the output format by SHIFT.
#ifndef HASS_CURVE_PIECES_H
#define HASS_CURVE_PIECES_H

#include "count.h"
#include "words.h"

namespace hass {

template <int BITS, int WORDS, int S, int INDEX_BITS, int LENGTH_BITS, int ALIGN, int SHIFT>
void curve_pieces(int frames, hls::stream<vec<ap_int<BITS>, S> >& in,
                  hls::stream<vec<ap_int<BITS>, S> >& out,
                  const rom_word<36>::type pieces[1 << INDEX_BITS]) {
    HASS_COUNT_PROCESS("curve_pieces")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < WORDS / S; ++beat) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            vec<ap_int<BITS>, S> words = in.read();
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                const ap_int<BITS> shifted = words[s] >> LENGTH_BITS;
                const ap_int<INDEX_BITS> piece = saturate<INDEX_BITS>(shifted);
                ap_int<BITS + 1> start = piece;
                start <<= LENGTH_BITS;
                const ap_int<BITS + 1> offset = words[s] - start;
                const ap_int<36> entry = pieces[int(piece) + (1 << (INDEX_BITS - 1))];
                const ap_int<18> slope = entry >> 18;
                const ap_int<18> value = entry;  // its low bits
                ap_int<50> sum = value;
                sum <<= ALIGN;
                sum += offset * slope;
                words[s] = requantise<BITS, SHIFT>(sum);
            }
            out.write(words);
        }
    }
}

}  // namespace hass

#endif

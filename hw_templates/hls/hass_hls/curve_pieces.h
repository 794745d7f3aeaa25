// A function of each word, by 2**INDEX_BITS straight pieces of 2**LENGTH_BITS words around zero, of
// which the two at the ends go on. A value has ALIGN fractional bits fewer than a product; the sum
// is brought to the output format by SHIFT.
#ifndef HASS_CURVE_PIECES_H
#define HASS_CURVE_PIECES_H

#include "count.h"
#include "words.h"

namespace hass {

// A value and, above it, a slope of 18 bits each: the word at an offset from where a piece begins.
template <int BITS, int ALIGN, int SHIFT, int OFFSET_BITS>
ap_int<BITS> on_piece(const ap_int<36>& entry, const ap_int<OFFSET_BITS>& offset) {
#pragma HLS INLINE
    const ap_int<18> slope = entry >> 18;
    const ap_int<18> value = entry;  // its low bits
    ap_int<50> sum = value;
    sum <<= ALIGN;
    sum += offset * slope;
    return requantise<BITS, SHIFT>(sum);
}

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
                words[s] = on_piece<BITS, ALIGN, SHIFT>(entry, offset);
            }
            out.write(words);
        }
    }
}

}  // namespace hass

#endif

// A function of each word that is level up to zero, by straight pieces: 2**OCTAVE_BITS of each
// octave of the words, and one of every word below the second octave. A slope is the rise over the
// piece, and the word's place in it a share of 2**OCTAVES, by which a product is finer than a value;
// the sum is brought to the output format by SHIFT.
#ifndef HASS_CURVE_OCTAVES_H
#define HASS_CURVE_OCTAVES_H

#include "count.h"
#include "curve_pieces.h"
#include "words.h"

namespace hass {

template <int BITS, int WORDS, int S, int PIECES, int OCTAVE_BITS, int OCTAVES, int SHIFT>
void curve_octaves(int frames, hls::stream<vec<ap_int<BITS>, S> >& in,
                   hls::stream<vec<ap_int<BITS>, S> >& out,
                   const rom_word<36>::type pieces[PIECES]) {
    HASS_COUNT_PROCESS("curve_octaves")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < WORDS / S; ++beat) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            vec<ap_int<BITS>, S> words = in.read();
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                const int word = words[s] < 0 ? 0 : int(words[s]);
                int octave = 0;
                for (int bit = OCTAVE_BITS + 1; bit < BITS - 1; ++bit) {
#pragma HLS UNROLL
                    if (word >= 1 << bit) octave = bit - OCTAVE_BITS;
                }
                const int leading = word >> octave;
                const ap_int<BITS> share = (word - (leading << octave)) << (OCTAVES - octave);
                const ap_int<36> entry = pieces[(octave << OCTAVE_BITS) + leading];
                words[s] = on_piece<BITS, OCTAVES, SHIFT>(entry, share);
            }
            out.write(words);
        }
    }
}

}  // namespace hass

#endif

// Adds the bias (wrapping like the accumulator) and brings the sum to the output format: a shift
// with rounding half up, saturated. Biases: ROWS rows of S, repeated for every output position.
#ifndef HASS_BIAS_REQUANTISE_H
#define HASS_BIAS_REQUANTISE_H

#include "count.h"
#include "words.h"

namespace hass {

template <int ACC_BITS, int ACT_BITS, int S, int ROWS, int POSITIONS, int SHIFT>
void bias_requantise(int frames, hls::stream<vec<ap_int<ACC_BITS>, S> >& in,
                     hls::stream<vec<ap_int<ACT_BITS>, S> >& out,
                     const ap_int<ACC_BITS> biases[ROWS][S]) {
#pragma HLS ARRAY_RESHAPE variable=biases complete dim=2
    HASS_COUNT_PROCESS("bias_requantise")
    for (int frame = 0; frame < frames; ++frame) {
        for (int position = 0; position < POSITIONS; ++position) {
            for (int row = 0; row < ROWS; ++row) {
#pragma HLS PIPELINE II=1
                HASS_COUNT_ITERATION
                vec<ap_int<ACC_BITS>, S> sums = in.read();
                vec<ap_int<ACT_BITS>, S> words;
                for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                    sums[s] += biases[row][s];
                    words[s] = requantise<ACT_BITS, SHIFT>(sums[s]);
                }
                out.write(words);
            }
        }
    }
}

}  // namespace hass

#endif

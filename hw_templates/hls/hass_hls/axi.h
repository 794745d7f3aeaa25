// The ends of the pipeline: AXI4-Stream beats from and to words.
// A beat carries S words of BITS bits, first word lowest, padded to whole bytes. TLAST marks the
// last beat of a frame.
#ifndef HASS_AXI_H
#define HASS_AXI_H

#include <ap_axi_sdata.h>

#include "count.h"
#include "words.h"

namespace hass {

constexpr int beat_bits(int words, int bits) { return (words * bits + 7) / 8 * 8; }

template <int WORDS, int S, int BITS>
void read_frame(int frames, hls::stream<ap_axiu<beat_bits(S, BITS), 0, 0, 0> >& in,
                hls::stream<vec<ap_int<BITS>, S> >& out) {
    HASS_COUNT_PROCESS("read_frame")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < WORDS / S; ++beat) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            ap_axiu<beat_bits(S, BITS), 0, 0, 0> packed = in.read();
            vec<ap_int<BITS>, S> words;
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                const unsigned long long bits = packed.data.range(s * BITS + BITS - 1, s * BITS);
                words[s] = ap_int<BITS>(static_cast<long long>(bits));
            }
            out.write(words);
        }
    }
}

template <int WORDS, int S, int BITS>
void write_frame(int frames, hls::stream<vec<ap_int<BITS>, S> >& in,
                 hls::stream<ap_axiu<beat_bits(S, BITS), 0, 0, 0> >& out) {
    const unsigned long long mask = (1ULL << BITS) - 1;
    HASS_COUNT_PROCESS("write_frame")
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < WORDS / S; ++beat) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            vec<ap_int<BITS>, S> words = in.read();
            ap_axiu<beat_bits(S, BITS), 0, 0, 0> packed;
            packed.data = 0;
            packed.keep = -1;
            packed.strb = -1;
            for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                const long long word = words[s];
                packed.data.range(s * BITS + BITS - 1, s * BITS) =
                    static_cast<unsigned long long>(word) & mask;
            }
            packed.last = beat == WORDS / S - 1;
            out.write(packed);
        }
    }
}

}  // namespace hass

#endif

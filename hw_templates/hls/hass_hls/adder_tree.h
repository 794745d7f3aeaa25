// Sums the INS lanes that share an output channel, as a balanced tree.
#ifndef HASS_ADDER_TREE_H
#define HASS_ADDER_TREE_H

#include "count.h"
#include "words.h"

namespace hass {

template <typename Acc, int OUTS, int INS, int RESULTS>
void adder_tree(int frames, hls::stream<vec<Acc, OUTS * INS> >& in,
                hls::stream<vec<Acc, OUTS> >& out) {
    HASS_COUNT_PROCESS("adder_tree")
    for (int frame = 0; frame < frames; ++frame) {
        for (int result = 0; result < RESULTS; ++result) {
#pragma HLS PIPELINE II=1
            HASS_COUNT_ITERATION
            vec<Acc, OUTS * INS> sums = in.read();
            vec<Acc, OUTS> totals;
            for (int o = 0; o < OUTS; ++o) {
#pragma HLS UNROLL
                for (int distance = 1; distance < INS; distance *= 2) {
#pragma HLS UNROLL
                    for (int i = 0; i + distance < INS; i += 2 * distance) {
#pragma HLS UNROLL
                        sums[o * INS + i] += sums[o * INS + i + distance];
                    }
                }
                totals[o] = sums[o * INS];
            }
            out.write(totals);
        }
    }
}

}  // namespace hass

#endif

// The sum of each channel over all PIXELS positions times RECIPROCAL (1 / PIXELS), brought to the
// output format (SHIFT fractional bits fewer).
#ifndef HASS_GLOBAL_AVG_POOL_H
#define HASS_GLOBAL_AVG_POOL_H

#include "count.h"
#include "words.h"

namespace hass {

template <int BITS, int PIXELS, int C, int S, int RECIPROCAL, int SHIFT>
void global_avg_pool(int frames, hls::stream<vec<ap_int<BITS>, S> >& in,
                     hls::stream<vec<ap_int<BITS>, S> >& out) {
    vec<ap_int<40>, S> sums[C / S];
#pragma HLS AGGREGATE variable=sums
    HASS_COUNT_PROCESS("global_avg_pool")
    for (int frame = 0; frame < frames; ++frame) {
        for (int pixel = 0; pixel < PIXELS; ++pixel) {
            for (int beat = 0; beat < C / S; ++beat) {
#pragma HLS PIPELINE II=1
                HASS_COUNT_ITERATION
                const vec<ap_int<BITS>, S> words = in.read();
                vec<ap_int<40>, S> sum = sums[beat];
                vec<ap_int<BITS>, S> means;
                for (int s = 0; s < S; ++s) {
#pragma HLS UNROLL
                    if (pixel == 0) sum[s] = 0;
                    sum[s] += words[s];
                    const ap_int<58> product = sum[s] * ap_int<18>(RECIPROCAL);
                    means[s] = requantise<BITS, SHIFT>(product);
                }
                sums[beat] = sum;
                if (pixel == PIXELS - 1) out.write(means);
            }
        }
    }
}

}  // namespace hass

#endif
